"""TPAVI with ResNet-50 for one binary mask per frame, VGGish frozen, as published.

Weights to start from, made by tools/model_converters/convert_checkpoint.py: `vggish` for
data/pretrained/vggish.pth, `torchvision_resnet` for data/pretrained/resnet50.pth.
"""

from mmengine.model import PretrainedInit

from avis.models.audio_encoders.vggish import VGGish
from avis.models.backbones.checkpointed_resnet import CheckpointedResNet
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.decode_heads.refine_fpn_head import RefineFPNHead
from avis.models.fusion.tpavi import TPAVI
from avis.models.losses.labeled_losses import LabeledBCELoss
from avis.models.necks.dilated_conv_neck import DilatedConvNeck
from avis.models.segmentors.av_segmentor import AVSegmentor

model = dict(
    type=AVSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=CheckpointedResNet,  # mmdet's ResNet, numbers and weights alike, with less memory
        depth=50,
        norm_eval=False,
        init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/resnet50.pth'),
    ),
    neck=dict(type=DilatedConvNeck, in_channels=[256, 512, 1024, 2048], out_channels=256),
    audio_encoder=dict(type=VGGish, weights='data/pretrained/vggish.pth'),
    fusion=dict(type=TPAVI, channels=256, frames_per_group=5),
    decode_head=dict(type=RefineFPNHead, num_classes=1, channels=256),
    loss_seg=dict(type=LabeledBCELoss),
)
