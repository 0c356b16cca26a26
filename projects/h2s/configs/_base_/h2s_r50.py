"""H2S with ResNet-50 for 26 classes, as published.

In contrast to AVISM, the batch norms of the backbone are trained, with statistics over all
processes. Initial weights, made by tools/model_converters/convert_checkpoint.py:
`torchvision_resnet` for data/pretrained/resnet50.pth.
"""

from mmdet.models.backbones import ResNet

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    ClipQueryTracker,
    ClipSimilarityLoss,
    MaskSetLoss,
    PrecomputedAudio,
)
from h2s import H2SClipHead, H2SFrameHead, H2SPixelDecoder, SyncBatchNorm

num_classes = 26
num_queries = 100  # per frame
num_streams = 8
audio_dim = 128

loss_set = dict(type=MaskSetLoss, num_classes=num_classes)
model = dict(
    type=AVInstanceSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=ResNet,
        depth=50,
        norm_cfg=dict(type=SyncBatchNorm, requires_grad=True),
        norm_eval=False,
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint='data/pretrained/resnet50.pth'),
    ),
    audio_encoder=dict(type=PrecomputedAudio, channels=num_streams * audio_dim),
    frame_head=dict(
        type=H2SFrameHead,
        num_classes=num_classes,
        num_queries=num_queries,
        audio_dim=audio_dim,
        cluster_seed=None,  # as published: random, in testing too
        count_fillers=True,
        pixel_decoder=dict(
            type=H2SPixelDecoder, in_channels=[256, 512, 1024, 2048], audio_dim=audio_dim
        ),
        loss_set=loss_set,
    ),
    tracker=dict(
        type=ClipQueryTracker,
        head=dict(
            type=H2SClipHead,
            num_classes=num_classes,
            audio_dim=audio_dim,
            num_frame_queries=num_queries,
        ),
        loss_set=loss_set,
        loss_similarity=dict(type=ClipSimilarityLoss),
    ),
    late_as_no_object=True,
)

# For optim_wrapper.paramwise_cfg.custom_keys: the longest matching key sets both multipliers, and
# the batch norms of the backbone have no weight decay.
backbone_norm = dict(lr_mult=0.1, decay_mult=0.0)
backbone_keys = {
    'backbone.bn1': backbone_norm,
    **{
        f'backbone.layer{stage}.{block}.{norm}': backbone_norm
        for stage, blocks in enumerate((3, 4, 6, 3), 1)
        for block in range(blocks)
        for norm in ('bn', 'downsample.1')
    },
    'query_content': dict(decay_mult=0.0),
}
