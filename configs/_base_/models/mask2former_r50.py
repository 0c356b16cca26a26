"""Mask2Former with ResNet-50 on single frames, without audio, for 26 classes.

Initial weights, made by tools/model_converters/convert_checkpoint.py: `mask2former` for
data/pretrained/mask2former_r50_coco.pth.
"""

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    DeformablePixelDecoder,
    FrozenResNet,
    Mask2FormerFrameHead,
    MaskSetLoss,
    QueryMatchingTracker,
)

num_classes = 26
num_queries = 100

model = dict(
    type=AVInstanceSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(type=FrozenResNet, depth=50),
    frame_head=dict(
        type=Mask2FormerFrameHead,
        num_classes=num_classes,
        num_queries=num_queries,
        pixel_decoder=dict(type=DeformablePixelDecoder, in_channels=[256, 512, 1024, 2048]),
        loss_set=dict(type=MaskSetLoss, num_classes=num_classes),
    ),
    tracker=dict(type=QueryMatchingTracker, min_similarity=0.8),
)
