"""AVISM with ResNet-50 for 26 classes, as published.

Weights to start from, made by tools/model_converters/convert_checkpoint.py: `torchvision_resnet`
for data/pretrained/resnet50.pth.
"""

from mmengine.model import PretrainedInit

from avis.models.audio_encoders.precomputed import PrecomputedAudio
from avis.models.backbones.frozen_resnet import FrozenResNet
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.decode_heads.avism_clip_head import AVISMClipHead
from avis.models.decode_heads.avism_frame_head import AVISMFrameHead
from avis.models.fusion.query_fusion import AVISMQueryFusion
from avis.models.losses.clip_similarity_loss import ClipSimilarityLoss
from avis.models.losses.mask_set_loss import MaskSetLoss
from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder
from avis.models.segmentors.av_instance_segmentor import AVInstanceSegmentor
from avis.models.trackers.clip_query_tracker import ClipQueryTracker

loss_set = dict(type=MaskSetLoss, num_classes=26)
model = dict(
    type=AVInstanceSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=FrozenResNet,
        depth=50,
        init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/resnet50.pth'),
    ),
    audio_encoder=dict(type=PrecomputedAudio, channels=128),
    frame_head=dict(
        type=AVISMFrameHead,
        num_classes=26,
        num_queries=100,
        pixel_decoder=dict(type=DeformablePixelDecoder, in_channels=[256, 512, 1024, 2048]),
        audio_fusion=dict(type=AVISMQueryFusion, audio_dim=128),
        loss_set=loss_set,
    ),
    tracker=dict(
        type=ClipQueryTracker,
        head=dict(type=AVISMClipHead, num_classes=26, audio_dim=128, num_frame_queries=100),
        loss_set=loss_set,
        loss_similarity=dict(type=ClipSimilarityLoss),
    ),
)
