"""COMBO with ResNet-50, 2 classes (background and sounding), VGGish frozen, as published.

Initial weights, made by tools/model_converters/convert_checkpoint.py: `vggish` for
data/pretrained/vggish.pth, `torchvision_resnet` for data/pretrained/resnet50.pth, which starts both
backbones.
"""

from combo import COMBOFrameHead, COMBOSegmentor
from mmengine.model import PretrainedInit

from avis.models import (
    AVDataPreprocessor,
    DeformablePixelDecoder,
    FrozenResNet,
    MaskSetLoss,
    VGGish,
)

model = dict(
    type=COMBOSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=FrozenResNet,
        depth=50,
        init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/resnet50.pth'),
    ),
    in_channels=[256, 512, 1024, 2048],
    audio_encoder=dict(type=VGGish, weights='data/pretrained/vggish.pth'),
    frame_head=dict(
        type=COMBOFrameHead,
        num_classes=2,
        num_queries=100,
        num_layers=9,
        mixed_audio=True,
        similarity_weight=10.0,
        pixel_decoder=dict(type=DeformablePixelDecoder, in_channels=[256, 512, 1024, 2048]),
        loss_set=dict(type=MaskSetLoss, num_classes=2),
    ),
)
