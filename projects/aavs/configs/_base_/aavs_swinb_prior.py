"""The second stage of AAVS with Swin-B: 71 classes, 100 queries, prior masks.

Initial weights as in aavs_swinb.py.
"""

from aavs import AAVSPriorHead, AAVSSegmentor, AdaptedSwin
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
        type=AAVSPriorHead,
        replace_projections=False,
        num_classes=71,
        num_queries=100,
        pixel_decoder=dict(type=DeformablePixelDecoder, in_channels=[128, 256, 512, 1024]),
        loss_set=dict(type=MaskSetLoss, num_classes=71, match_class_weight=1.0),
    ),
    output_size=(224, 224),
    trained=['query_embed', 'adapter', 'class_embed', 'audio_proj', 'prior_embed'],
)
