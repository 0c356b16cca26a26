"""AAVS with Swin-B for S4 and MS3: 2 classes, 30 queries; only some parameters are trained.

Initial weights: `mask2former_ade` of tools/model_converters/convert_checkpoint.py for
data/pretrained/mask2former_swinb_ade.pth, `vggish` for data/pretrained/vggish.pth.
"""

from aavs import AAVSFrameHead, AAVSSegmentor, AdaptedSwin
from avis.models import AVDataPreprocessor, DeformablePixelDecoder, MaskSetLoss, VGGish

model = dict(
    type=AAVSSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=AdaptedSwin,
        pretrain_img_size=384,
        embed_dims=128,
        depths=(2, 2, 18, 2),
        num_heads=(4, 8, 16, 32),
        window_size=12,
        drop_path_rate=0.3,
    ),
    audio_encoder=dict(type=VGGish, weights='data/pretrained/vggish.pth'),
    frame_head=dict(
        type=AAVSFrameHead,
        replace_projections=True,
        num_classes=2,
        num_queries=30,
        pixel_decoder=dict(type=DeformablePixelDecoder, in_channels=[128, 256, 512, 1024]),
        loss_set=dict(type=MaskSetLoss, num_classes=2, match_class_weight=1.0),
    ),
    output_size=(224, 224),
    trained=[
        'query_embed',
        'query_feat',
        'self_attn.output_proj',  # adapters
        'self_attention.out_proj',  # adapters
        'adapter',
        'class_embed',
        'audio_proj',
    ],
)
