"""Fusion ablation on MS3, ResNet-50: no audio at all instead of TPAVI.

Target: mIoU 43.56 (without TPAVI). Status: not run yet. Deviates from the authors: nothing
intended.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avsbench_ms3 import *
    from ..._base_.default_runtime import *
    from ..._base_.models.tpavi_r50 import *
    from ..._base_.schedules.adam import *

from avis.models import NoFusion

model.fusion = dict(type=NoFusion, channels=channels)
train_cfg.max_epochs = 30
