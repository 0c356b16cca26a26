"""TPAVI with PVTv2-B5, one binary mask per frame, VGGish frozen, as published.

Initial weights, made by tools/model_converters/convert_checkpoint.py: `vggish` for
data/pretrained/vggish.pth, `pvt_v2` for data/pretrained/pvt_v2_b5.pth from the file of its authors.
"""

from mmengine.model import PretrainedInit

from avis.models import (
    TPAVI,
    AVDataPreprocessor,
    AVSegmentor,
    DilatedConvNeck,
    LabeledBCELoss,
    PVTv2,
    RefineFPNHead,
    VGGish,
)

channels = 256
model = dict(
    type=AVSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=PVTv2,
        init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/pvt_v2_b5.pth'),
    ),
    neck=dict(
        type=DilatedConvNeck,
        in_channels=[64, 128, 320, 512],
        out_channels=channels,
        init_std=0.01,
    ),
    audio_encoder=dict(type=VGGish, weights='data/pretrained/vggish.pth'),
    fusion=dict(type=TPAVI, channels=channels, frames_per_group=5),
    decode_head=dict(type=RefineFPNHead, num_classes=1, channels=channels),
    loss_seg=dict(type=LabeledBCELoss, with_logits=False),
)
