"""A small segmenter of CAVIS without pretrained weights, for two CPU cores.

A narrow ResNet-18 with GroupNorm, 64 channels, 8 queries, fewer layers and points; instances that
are absent in the last frame keep their class.
"""

from mmdet.models.backbones import ResNet

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    DeformablePixelDecoder,
    MaskSetLoss,
)
from cavis import CAVISFrameHead, CAVISSegmenterTracker

num_classes = 26
num_queries = 8
channels = 64
hidden_channels = 256

loss_set = dict(type=MaskSetLoss, num_classes=num_classes, num_points=512)
model = dict(
    type=AVInstanceSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=ResNet,
        depth=18,
        base_channels=32,
        stem_channels=32,
        norm_cfg=dict(type='GN', num_groups=8),
    ),
    audio_encoder=None,
    frame_head=dict(
        type=CAVISFrameHead,
        num_classes=num_classes,
        num_queries=num_queries,
        channels=channels,
        num_layers=3,
        hidden_channels=hidden_channels,
        num_query_layers=1,
        late_class=True,
        pixel_decoder=dict(
            type=DeformablePixelDecoder,
            in_channels=[32, 64, 128, 256],
            channels=channels,
            num_layers=1,
            hidden_channels=hidden_channels,
        ),
        loss_set=loss_set,
    ),
    tracker=dict(type=CAVISSegmenterTracker),
)
