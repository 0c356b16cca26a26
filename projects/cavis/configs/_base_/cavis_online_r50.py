"""CAVIS online with ResNet-50 for 40 classes, as published: the segmenter is frozen."""

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    DeformablePixelDecoder,
    FrozenResNet,
    MaskSetLoss,
)
from cavis import CAVISFrameHead, CAVISOnlineTracker

num_classes = 40
num_queries = 100

model = dict(
    type=AVInstanceSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(type=FrozenResNet, depth=50),
    audio_encoder=None,
    frame_head=dict(
        type=CAVISFrameHead,
        num_classes=num_classes,
        num_queries=num_queries,
        context_per_channel=False,
        pixel_decoder=dict(type=DeformablePixelDecoder, in_channels=[256, 512, 1024, 2048]),
    ),
    tracker=dict(
        type=CAVISOnlineTracker,
        # As published, the inverse of the permutation that aligns the queries.
        head=dict(num_classes=num_classes, inverse_assignment=True),
        loss_set=dict(type=MaskSetLoss, num_classes=num_classes),
        segmenter_iters=80000,
        contrast_weight=2.0,
        late_class=False,
        max_candidates=10,
    ),
    frames_per_chunk=3,
    frozen=['backbone', 'frame_head'],
)
