"""Fusion ablation on MS3, ResNet-50: the sound added to the map instead of TPAVI.

Target: mIoU 45.69 (A+V addition). Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from .tpavi_r50_ms3 import *

from avis.models.fusion.simple import AddFusion

model.fusion = dict(type=AddFusion, channels=256)
