"""AVISM, Swin-L from ImageNet, AVISeg: 200 queries per frame, short side 448 in testing.

Target: FSLA 49.15, HOTA 68.81, mAP 49.06. Status: not run yet. Deviates from the authors: as
avism_r50_in_aviseg.py. The weights to start from are the file of the Swin authors, trained on
ImageNet-22k at 384 pixels, unconverted.
"""

from mmengine.config import read_base

with read_base():
    from .avism_r50_in_aviseg import *

from mmdet.models.backbones import SwinTransformer

from avis.datasets.transforms.geometry import ResizeClip

model.backbone = dict(
    type=SwinTransformer,
    pretrain_img_size=384,
    embed_dims=192,
    depths=(2, 2, 18, 2),
    num_heads=(6, 12, 24, 48),
    window_size=12,
    drop_path_rate=0.3,
    convert_weights=True,
    init_cfg=dict(
        type='Pretrained', checkpoint='data/pretrained/swin_large_patch4_window12_384_22k.pth'
    ),
)
model.frame_head.num_queries = 200
model.frame_head.pixel_decoder.in_channels = [192, 384, 768, 1536]
model.tracker.head.num_frame_queries = 200

# A key that matches takes all: norms and position tables of the backbone need keys of their own.
without_decay = dict(lr_mult=0.1, decay_mult=0.0)
optim_wrapper.paramwise_cfg.custom_keys.update(
    {
        'backbone.patch_embed.norm': without_decay,
        'backbone.norm': without_decay,
        'relative_position_bias_table': without_decay,
        'absolute_pos_embed': without_decay,
        **{f'backbone.stages.{stage}.downsample.norm': without_decay for stage in range(3)},
        **{
            f'backbone.stages.{stage}.blocks.{block}.norm': without_decay
            for stage, depth in enumerate((2, 2, 18, 2))
            for block in range(depth)
        },
    }
)

test_resize = dict(type=ResizeClip, short_side=448, max_long_side=1333, rounding='nearest')
test_pipeline[0].resize = test_resize
val_dataloader.dataset.pipeline = test_pipeline
test_dataloader.dataset.pipeline = test_pipeline
