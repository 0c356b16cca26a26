"""CAVIS' segmenter with ResNet-50 for 40 classes, as published; it reads no audio.

Initial weights: Mask2Former with ResNet-50 trained on COCO, see the README.
"""

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    DeformablePixelDecoder,
    FrozenResNet,
    MaskSetLoss,
)
from cavis import CAVISFrameHead, CAVISSegmenterTracker

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
        context_per_channel=False,  # as published: one filter over all channels
        late_class=False,  # as published: absent in the last frame is "no object"
        pixel_decoder=dict(type=DeformablePixelDecoder, in_channels=[256, 512, 1024, 2048]),
        loss_set=dict(type=MaskSetLoss, num_classes=num_classes),
    ),
    tracker=dict(type=CAVISSegmenterTracker, max_candidates=10),
    frames_per_chunk=3,
)
