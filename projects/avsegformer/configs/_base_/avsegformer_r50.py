"""AVSegFormer with ResNet-50, one binary mask per frame, VGGish frozen, as published.

Initial weights, made by tools/model_converters/convert_checkpoint.py: `vggish` for
data/pretrained/vggish.pth, `torchvision_resnet` for data/pretrained/resnet50.pth.
"""

from avsegformer import AVSegFormer, AVSegFormerHead, LabeledDiceLoss
from mmengine.model import PretrainedInit

from avis.models import AVDataPreprocessor, CheckpointedResNet, VGGish

model = dict(
    type=AVSegFormer,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=CheckpointedResNet,  # mmdet's ResNet: same outputs and weights
        depth=50,
        recompute=False,  # True takes less memory and 7 % more time in training
        norm_eval=False,
        init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/resnet50.pth'),
    ),
    audio_encoder=dict(type=VGGish, weights='data/pretrained/vggish.pth'),
    decode_head=dict(
        type=AVSegFormerHead,
        in_channels=[256, 512, 1024, 2048],
        num_classes=1,
        num_queries=300,
        dropout=0.1,
        query_generator=dict(num_layers=6, self_attention=True, added_queries=True),
    ),
    loss_seg=dict(type=LabeledDiceLoss),
    loss_mix=dict(type=LabeledDiceLoss),
    mix_weight=0.1,
)
