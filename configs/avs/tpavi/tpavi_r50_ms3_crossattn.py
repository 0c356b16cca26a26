"""Fusion ablation on MS3, ResNet-50: positions attend to the sound of all frames.

Target: no published number. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from .tpavi_r50_ms3 import *

from avis.models.fusion.cross_attention import CrossAttentionFusion

model.fusion = dict(type=CrossAttentionFusion, channels=256)
