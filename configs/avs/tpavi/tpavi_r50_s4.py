"""TPAVI, ResNet-50, AVSBench S4: 224 x 224, batch 4, 15 epochs.

Target: mIoU 72.79, F .848. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avsbench_s4 import *
    from ..._base_.default_runtime import *
    from ..._base_.models.tpavi_r50 import *
    from ..._base_.schedules.adam import *
