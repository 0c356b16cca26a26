"""CAVIS offline with ResNet-50 for 40 classes, as published: segmenter and tracker are frozen."""

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    DeformablePixelDecoder,
    FrozenResNet,
)
from cavis import CAVISFrameHead, CAVISOfflineTracker, TubeSetLoss

num_classes = 40
num_queries = 100
num_frames = 15

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
        type=CAVISOfflineTracker,
        head=dict(num_classes=num_classes, inverse_assignment=True),
        refiner=dict(num_classes=num_classes),
        loss_set=dict(type=TubeSetLoss, num_classes=num_classes, num_points=12544 * num_frames),
        segmenter_iters=80000,
        contrast_weight=None,
        late_class=False,
        max_candidates=10,
    ),
    frames_per_chunk=3,
    frozen=['backbone', 'frame_head', 'tracker.head'],
)
