"""TPAVI, PVTv2-B5, AVSBench S4: 224 x 224, batch 4, 15 epochs.

Target: mIoU 78.74, F .879. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avsbench_s4 import *
    from ..._base_.default_runtime import *
    from ..._base_.models.tpavi_pvtv2b5 import *
    from ..._base_.schedules.adam import *
