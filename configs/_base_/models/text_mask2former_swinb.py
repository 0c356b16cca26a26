"""Mask2Former with Swin-B that reads an expression and audio; both encoders are frozen.

Encoders and sizes are those of the published baseline of Ref-AVS; how they are fused is not.
Initial weights: `vggish` of tools/model_converters/convert_checkpoint.py for
data/pretrained/vggish.pth; transformers fetches those of the text encoder from the Hugging Face
hub, or text_encoder.model is their folder.
"""

from mmdet.models.backbones import SwinTransformer

from avis.models import (
    AVDataPreprocessor,
    AVISMFrameHead,
    AVISMQueryFusion,
    DeformablePixelDecoder,
    MaskSetLoss,
    QueryAVSegmentor,
    TextAudioFusion,
    TextEncoder,
    VGGish,
)

num_classes = 2  # background and the referred object
channels = 256
model = dict(
    type=QueryAVSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=SwinTransformer,
        pretrain_img_size=384,
        embed_dims=128,
        depths=(2, 2, 18, 2),
        num_heads=(4, 8, 16, 32),
        window_size=12,
        drop_path_rate=0.3,
    ),
    audio_encoder=dict(type=VGGish, weights='data/pretrained/vggish.pth'),
    text_encoder=dict(type=TextEncoder, model='distilbert/distilroberta-base', max_tokens=25),
    text_fusion=dict(type=TextAudioFusion, channels=channels),
    frame_head=dict(
        type=AVISMFrameHead,
        num_classes=num_classes,
        pixel_decoder=dict(type=DeformablePixelDecoder, in_channels=[128, 256, 512, 1024]),
        audio_fusion=dict(type=AVISMQueryFusion, audio_dim=channels),
        loss_set=dict(type=MaskSetLoss, num_classes=num_classes),
    ),
)
