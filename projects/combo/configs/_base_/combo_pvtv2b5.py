"""COMBO with PVTv2-B5: otherwise as combo_r50.py.

Initial weights: `pvt_v2` for data/pretrained/pvt_v2_b5.pth from the file of its authors, which
starts both backbones.
"""

from mmengine.config import read_base

with read_base():
    from .combo_r50 import *

from mmengine.model import PretrainedInit

from avis.models import PVTv2

model.backbone = dict(
    type=PVTv2, init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/pvt_v2_b5.pth')
)
model.in_channels = [64, 128, 320, 512]
model.frame_head.pixel_decoder.in_channels = [64, 128, 320, 512]
