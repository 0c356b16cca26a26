"""Fusion ablation on MS3, ResNet-50: no sound at all instead of TPAVI.

Target: mIoU 43.56 (without TPAVI). Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from .tpavi_r50_ms3 import *

from avis.models.fusion.simple import NoFusion

model.fusion = dict(type=NoFusion, channels=256)
