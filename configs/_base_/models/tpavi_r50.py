"""TPAVI with ResNet-50, one binary mask per frame, VGGish frozen, as published.

Initial weights, made by tools/model_converters/convert_checkpoint.py: `vggish` for
data/pretrained/vggish.pth, `torchvision_resnet` for data/pretrained/resnet50.pth.
"""

from mmengine.model import PretrainedInit

from avis.models import (
    TPAVI,
    AVDataPreprocessor,
    AVSegmentor,
    CheckpointedResNet,
    DilatedConvNeck,
    LabeledBCELoss,
    RefineFPNHead,
    VGGish,
)

channels = 256
model = dict(
    type=AVSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=CheckpointedResNet,  # mmdet's ResNet: same outputs and weights, less memory
        depth=50,
        norm_eval=False,
        init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/resnet50.pth'),
    ),
    neck=dict(
        type=DilatedConvNeck,
        in_channels=[256, 512, 1024, 2048],
        out_channels=channels,
        init_std=0.01,
    ),
    audio_encoder=dict(type=VGGish, weights='data/pretrained/vggish.pth'),
    fusion=dict(type=TPAVI, channels=channels, frames_per_group=5),
    decode_head=dict(type=RefineFPNHead, num_classes=1, channels=channels),
    loss_seg=dict(type=LabeledBCELoss, with_logits=False),
)
