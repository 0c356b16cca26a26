"""H2S with Swin-L for 26 classes, as published; its initial weights are named in the configs."""

from mmdet.models.backbones import SwinTransformer

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    ClipQueryTracker,
    ClipSimilarityLoss,
    MaskSetLoss,
    PrecomputedAudio,
)
from h2s import H2SClipHead, H2SFrameHead, H2SPixelDecoder

num_classes = 26
num_queries = 200  # per frame, and per clip
num_streams = 8
audio_dim = 128
depths = (2, 2, 18, 2)

loss_set = dict(type=MaskSetLoss, num_classes=num_classes)
model = dict(
    type=AVInstanceSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=SwinTransformer,
        pretrain_img_size=384,
        embed_dims=192,
        depths=depths,
        num_heads=(6, 12, 24, 48),
        window_size=12,
        drop_path_rate=0.3,
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
            type=H2SPixelDecoder, in_channels=[192, 384, 768, 1536], audio_dim=audio_dim
        ),
        loss_set=loss_set,
    ),
    tracker=dict(
        type=ClipQueryTracker,
        head=dict(
            type=H2SClipHead,
            num_classes=num_classes,
            audio_dim=audio_dim,
            num_queries=num_queries,
            num_frame_queries=num_queries,
        ),
        loss_set=loss_set,
        loss_similarity=dict(type=ClipSimilarityLoss),
    ),
    late_as_no_object=True,
)

# For optim_wrapper.paramwise_cfg.custom_keys, see avism_swinl.py of avis.
backbone_norm = dict(lr_mult=0.1, decay_mult=0.0)
backbone_keys = {
    'backbone.patch_embed.norm': backbone_norm,
    'backbone.norm': backbone_norm,
    'relative_position_bias_table': backbone_norm,
    'absolute_pos_embed': backbone_norm,
    **{f'backbone.stages.{stage}.downsample.norm': backbone_norm for stage in range(3)},
    **{
        f'backbone.stages.{stage}.blocks.{block}.norm': backbone_norm
        for stage, depth in enumerate(depths)
        for block in range(depth)
    },
    'query_content': dict(decay_mult=0.0),
}
