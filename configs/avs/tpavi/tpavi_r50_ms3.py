"""TPAVI, ResNet-50, AVSBench MS3 without the matching loss: 224 x 224, batch 4, 30 epochs.

Target: mIoU 46.64 (the lower of the two published pairs, assumed to be this variant).
Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avsbench_ms3 import *
    from ..._base_.default_runtime import *
    from ..._base_.models.tpavi_r50 import *
    from ..._base_.schedules.adam import *

train_cfg.max_epochs = 30
