"""A small AVISM without pretrained weights, for two CPU cores.

Differs from the published model: a narrow ResNet-18 with GroupNorm, 64 channels, 8 queries, fewer
layers and points, an audio network trained from scratch, late instances that keep their class, and
a gate that drops the frames in which a person is silent.
"""

from mmdet.models.backbones import ResNet

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    AVISMClipHead,
    AVISMFrameHead,
    AVISMQueryFusion,
    ClipQueryTracker,
    ClipSimilarityLoss,
    DeformablePixelDecoder,
    LogMelCNN,
    MaskSetLoss,
    SoundingGate,
)

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
    audio_encoder=dict(type=LogMelCNN, out_channels=channels),
    frame_head=dict(
        type=AVISMFrameHead,
        num_classes=num_classes,
        num_queries=num_queries,
        channels=channels,
        num_layers=3,
        hidden_channels=hidden_channels,
        num_query_layers=1,
        pixel_decoder=dict(
            type=DeformablePixelDecoder,
            in_channels=[32, 64, 128, 256],
            channels=channels,
            num_layers=1,
            hidden_channels=hidden_channels,
        ),
        audio_fusion=dict(type=AVISMQueryFusion, channels=channels, audio_dim=channels),
        loss_set=loss_set,
    ),
    tracker=dict(
        type=ClipQueryTracker,
        head=dict(
            type=AVISMClipHead,
            num_classes=num_classes,
            num_queries=num_queries,
            num_frame_queries=num_queries,
            channels=channels,
            audio_dim=channels,
            hidden_channels=hidden_channels,
            num_encoder_layers=2,
            num_decoder_layers=2,
        ),
        loss_set=loss_set,
        loss_similarity=dict(type=ClipSimilarityLoss),
    ),
    # The clip masks of AVISM do not depend on audio; the classes of the frame head tell in which
    # frames an instance sounds.
    sounding_gate=dict(type=SoundingGate, source='class'),
)
