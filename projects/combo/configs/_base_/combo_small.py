"""A small COMBO without pretrained weights: narrow ResNet-18, audio trained from scratch."""

from combo import COMBOFrameHead, COMBOSegmentor
from mmdet.models.backbones import ResNet

from avis.models import AVDataPreprocessor, DeformablePixelDecoder, LogMelCNN, MaskSetLoss

channels = 64
hidden_channels = 128
model = dict(
    type=COMBOSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=ResNet,
        depth=18,
        base_channels=32,
        stem_channels=32,
        norm_cfg=dict(type='GN', num_groups=8),
        norm_eval=False,
    ),
    in_channels=[32, 64, 128, 256],
    audio_encoder=dict(type=LogMelCNN, out_channels=channels),
    frame_head=dict(
        type=COMBOFrameHead,
        num_classes=2,
        num_queries=8,
        num_layers=3,
        channels=channels,
        hidden_channels=hidden_channels,
        audio_dim=channels,
        audio_hidden=hidden_channels,
        pixel_decoder=dict(
            type=DeformablePixelDecoder,
            in_channels=[32, 64, 128, 256],
            channels=channels,
            num_layers=1,
            hidden_channels=hidden_channels,
        ),
        loss_set=dict(type=MaskSetLoss, num_classes=2, num_points=512),
    ),
)
