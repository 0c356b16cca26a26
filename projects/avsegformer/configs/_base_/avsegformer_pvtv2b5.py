"""AVSegFormer with PVTv2-B5, one binary mask per frame, VGGish frozen, as published.

Initial weights, made by tools/model_converters/convert_checkpoint.py: `vggish` for
data/pretrained/vggish.pth, `pvt_v2` for data/pretrained/pvt_v2_b5.pth from the file of its authors.
"""

from avsegformer import AVSegFormer, AVSegFormerHead, LabeledDiceLoss
from mmengine.model import PretrainedInit

from avis.models import AVDataPreprocessor, PVTv2, VGGish

model = dict(
    type=AVSegFormer,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=PVTv2,
        init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/pvt_v2_b5.pth'),
    ),
    audio_encoder=dict(type=VGGish, weights='data/pretrained/vggish.pth'),
    decode_head=dict(
        type=AVSegFormerHead,
        in_channels=[64, 128, 320, 512],
        num_classes=1,
        num_queries=300,
        dropout=0.1,
        query_generator=dict(num_layers=6, self_attention=True, added_queries=True),
    ),
    loss_seg=dict(type=LabeledDiceLoss),
    loss_mix=dict(type=LabeledDiceLoss),
    mix_weight=0.1,
)
