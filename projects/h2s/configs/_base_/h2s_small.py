"""A small H2S without pretrained weights, for two CPU cores.

Differs from the published model as avism_small.py of avis does from AVISM: one audio stream, from
an audio network trained from scratch; seeded clusters and no fillers.
"""

from mmdet.models.backbones import ResNet

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    ClipQueryTracker,
    ClipSimilarityLoss,
    LogMelCNN,
    MaskSetLoss,
    SoundingGate,
)
from h2s import H2SClipHead, H2SFrameHead, H2SPixelDecoder

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
        type=H2SFrameHead,
        num_classes=num_classes,
        num_queries=num_queries,
        channels=channels,
        audio_dim=channels,
        num_layers=3,
        hidden_channels=hidden_channels,
        num_query_layers=1,
        cluster_seed=0,
        count_fillers=False,
        pixel_decoder=dict(
            type=H2SPixelDecoder,
            in_channels=[32, 64, 128, 256],
            channels=channels,
            audio_dim=channels,
            num_layers=1,
            hidden_channels=hidden_channels,
        ),
        loss_set=loss_set,
    ),
    tracker=dict(
        type=ClipQueryTracker,
        head=dict(
            type=H2SClipHead,
            num_classes=num_classes,
            num_queries=num_queries,
            num_frame_queries=num_queries,
            channels=channels,
            audio_dim=channels,
            hidden_channels=hidden_channels,
            num_encoder_layers=2,
            num_modulator_layers=2,
            num_decoder_layers=2,
        ),
        loss_set=loss_set,
        loss_similarity=dict(type=ClipSimilarityLoss),
    ),
    sounding_gate=dict(type=SoundingGate, source='class'),
)
