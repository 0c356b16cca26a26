"""Fusion ablation on MS3, ResNet-50: feature map and audio concatenated instead of TPAVI.

Target: no published number. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.avsbench_ms3 import *
    from ...._base_.default_runtime import *
    from ...._base_.models.tpavi_r50 import *
    from ...._base_.schedules.adam import *

from avis.models import ConcatFusion

model.fusion = dict(type=ConcatFusion, channels=channels)
train_cfg.max_epochs = 30
