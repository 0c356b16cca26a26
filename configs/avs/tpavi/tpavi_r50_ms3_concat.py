"""Fusion ablation on MS3, ResNet-50: map and sound concatenated instead of TPAVI.

Target: no published number. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from .tpavi_r50_ms3 import *

from avis.models.fusion.simple import ConcatFusion

model.fusion = dict(type=ConcatFusion, channels=256)
