"""LBVQ with ResNet-50 for 40 classes, without audio, as published."""

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    ClipQueryTracker,
    ClipSimilarityLoss,
    DeformablePixelDecoder,
    FrozenResNet,
    Mask2FormerFrameHead,
    MaskSetLoss,
)
from lbvq import LBVQClipHead

num_classes = 40
num_queries = 100  # per frame, and per clip

loss_set = dict(type=MaskSetLoss, num_classes=num_classes)
model = dict(
    type=AVInstanceSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(type=FrozenResNet, depth=50),
    frame_head=dict(
        type=Mask2FormerFrameHead,
        num_classes=num_classes,
        num_queries=num_queries,
        pixel_decoder=dict(type=DeformablePixelDecoder, in_channels=[256, 512, 1024, 2048]),
        loss_set=loss_set,
    ),
    tracker=dict(
        type=ClipQueryTracker,
        method='lbvq',
        head=dict(
            type=LBVQClipHead,
            num_classes=num_classes,
            channels=256,
            num_queries=num_queries,
            num_heads=8,
            hidden_channels=2048,
            num_decoder_layers=6,
            divide_by_frames=False,  # True: the sum over frames does not grow with the video
        ),
        loss_set=loss_set,
        loss_similarity=dict(type=ClipSimilarityLoss, weight=0.5),
        max_candidates=10,
        score_threshold=-1.0,  # all candidates
    ),
)
