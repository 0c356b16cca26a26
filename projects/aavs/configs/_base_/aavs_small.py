"""A small AAVS without pretrained weights: narrow Swin, 64 channels, audio trained from scratch."""

from aavs import AAVSFrameHead, AAVSSegmentor, AdaptedSwin
from avis.models import AVDataPreprocessor, DeformablePixelDecoder, LogMelCNN, MaskSetLoss

channels = 64
hidden_channels = 128
model = dict(
    type=AAVSSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=AdaptedSwin,
        embed_dims=24,
        depths=(1, 1, 1, 1),
        num_heads=(1, 2, 4, 8),
        window_size=6,
        drop_path_rate=0.0,
    ),
    audio_encoder=dict(type=LogMelCNN, out_channels=channels),
    frame_head=dict(
        type=AAVSFrameHead,
        replace_projections=False,
        num_classes=2,
        num_queries=8,
        num_layers=3,
        channels=channels,
        hidden_channels=hidden_channels,
        audio_dim=channels,
        audio_hidden=channels,
        pixel_decoder=dict(
            type=DeformablePixelDecoder,
            in_channels=[24, 48, 96, 192],
            channels=channels,
            num_layers=1,
            hidden_channels=hidden_channels,
        ),
        loss_set=dict(type=MaskSetLoss, num_classes=2, match_class_weight=1.0, num_points=512),
    ),
    mask_size=(96, 96),
)
