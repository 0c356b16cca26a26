"""VITA with ResNet-50 for 40 classes, without audio, as published."""

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    AVISMClipHead,
    ClipQueryTracker,
    ClipSimilarityLoss,
    DeformablePixelDecoder,
    FrozenResNet,
    Mask2FormerFrameHead,
    MaskSetLoss,
)

num_classes = 40
num_queries = 100  # per frame

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
        method='vita',
        head=dict(
            type=AVISMClipHead,
            num_classes=num_classes,
            audio_dim=None,
            num_frame_queries=num_queries,
        ),
        loss_set=loss_set,
        # The name of the loss and its weight were corrected in November 2023. Weights released
        # before, in 2022, were probably trained with a weight of 1.
        loss_similarity=dict(type=ClipSimilarityLoss, weight=0.5),
        max_candidates=10,
        score_threshold=-1.0,  # all candidates
    ),
)
