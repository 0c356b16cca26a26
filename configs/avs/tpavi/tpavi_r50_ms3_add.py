"""Fusion ablation on MS3, ResNet-50: the audio added to the feature map instead of TPAVI.

Target: mIoU 45.69 (A+V addition). Status: not run yet. Deviates from the authors: unknown, as
their code contains neither this variant nor its recipe; the fusion follows the paper.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avsbench_ms3 import *
    from ..._base_.default_runtime import *
    from ..._base_.models.tpavi_r50 import *
    from ..._base_.schedules.adam import *

from avis.models import AddFusion

model.fusion = dict(type=AddFusion, channels=channels)
train_cfg.max_epochs = 30
