"""AVISM with Swin-L for 26 classes, as published; its initial weights are named in the configs.

The initial weights are the file of the Swin authors, trained on ImageNet-22k at 384 pixels,
unconverted.
"""

from mmdet.models.backbones import SwinTransformer

from avis.models import (
    AVDataPreprocessor,
    AVInstanceSegmentor,
    AVISMClipHead,
    AVISMFrameHead,
    AVISMQueryFusion,
    ClipQueryTracker,
    ClipSimilarityLoss,
    DeformablePixelDecoder,
    MaskSetLoss,
    PrecomputedAudio,
)

num_classes = 26
num_queries = 200  # per frame
audio_dim = 128
depths = (2, 2, 18, 2)

pixel_decoder = dict(type=DeformablePixelDecoder, in_channels=[192, 384, 768, 1536])
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
        convert_weights=True,
        init_cfg=dict(
            type='Pretrained', checkpoint='data/pretrained/swin_large_patch4_window12_384_22k.pth'
        ),
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

# For optim_wrapper.paramwise_cfg.custom_keys. The longest matching key sets all multipliers of a
# parameter: norms and position tables of the backbone need keys of their own next to 'backbone'.
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
}
