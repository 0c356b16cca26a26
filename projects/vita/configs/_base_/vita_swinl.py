"""VITA with Swin-L for 40 classes: 200 queries per frame, 100 per clip."""

from mmengine.config import read_base

with read_base():
    from .vita_r50 import *

from mmdet.models.backbones import SwinTransformer

depths = (2, 2, 18, 2)
model.backbone = dict(
    type=SwinTransformer,
    pretrain_img_size=384,
    embed_dims=192,
    depths=depths,
    num_heads=(6, 12, 24, 48),
    window_size=12,
    drop_path_rate=0.3,
)
model.frame_head.num_queries = 200
model.frame_head.pixel_decoder.in_channels = [192, 384, 768, 1536]
model.tracker.head.num_frame_queries = 200

# For optim_wrapper.paramwise_cfg.custom_keys, see configs/_base_/models/avism_swinl.py of avis.
backbone_norm = dict(lr_mult=0.1, decay_mult=0.0)
backbone_keys = {
    'backbone.patch_embed.norm': backbone_norm,
    'backbone.norm': backbone_norm,
    'relative_position_bias_table': backbone_norm,
    **{f'backbone.stages.{stage}.downsample.norm': backbone_norm for stage in range(3)},
    **{
        f'backbone.stages.{stage}.blocks.{block}.norm': backbone_norm
        for stage, depth in enumerate(depths)
        for block in range(depth)
    },
}
