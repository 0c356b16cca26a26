"""TPAVI with PVTv2-B5 for one binary mask per frame, VGGish frozen, as published.

Weights to start from, made by tools/model_converters/convert_checkpoint.py: `vggish` for
data/pretrained/vggish.pth, `pvt_v2` for data/pretrained/pvt_v2_b5.pth.
"""

from mmengine.config import read_base

with read_base():
    from .tpavi_r50 import *

from mmengine.model import PretrainedInit

from avis.models.backbones.pvt_v2 import PVTv2

model.backbone = dict(
    type=PVTv2,
    init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/pvt_v2_b5.pth'),
)
model.neck.in_channels = [64, 128, 320, 512]
