"""AVISM with ResNet-50 for 26 classes, as published.

Initial weights, made by tools/model_converters/convert_checkpoint.py: `torchvision_resnet` for
data/pretrained/resnet50.pth.
"""

from mmengine.model import PretrainedInit

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    AVISMClipHead,
    AVISMFrameHead,
    AVISMQueryFusion,
    ClipQueryTracker,
    ClipSimilarityLoss,
    DeformablePixelDecoder,
    FrozenResNet,
    MaskSetLoss,
    PrecomputedAudio,
)

num_classes = 26
num_queries = 100  # per frame
audio_dim = 128

pixel_decoder = dict(type=DeformablePixelDecoder, in_channels=[256, 512, 1024, 2048])
loss_set = dict(type=MaskSetLoss, num_classes=num_classes)
model = dict(
    type=AVInstanceSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=FrozenResNet,
        depth=50,
        init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/resnet50.pth'),
    ),
    audio_encoder=dict(type=PrecomputedAudio, channels=audio_dim),
    frame_head=dict(
        type=AVISMFrameHead,
        num_classes=num_classes,
        num_queries=num_queries,
        pixel_decoder=pixel_decoder,
        audio_fusion=dict(type=AVISMQueryFusion, audio_dim=audio_dim),
        loss_set=loss_set,
    ),
    tracker=dict(
        type=ClipQueryTracker,
        head=dict(
            type=AVISMClipHead,
            num_classes=num_classes,
            audio_dim=audio_dim,
            num_frame_queries=num_queries,
        ),
        loss_set=loss_set,
        loss_similarity=dict(type=ClipSimilarityLoss),
    ),
    late_as_no_object=True,
)
