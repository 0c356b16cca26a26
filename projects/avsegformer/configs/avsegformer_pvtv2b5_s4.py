"""AVSegFormer, PVTv2-B5, AVSBench S4: 512 x 512, batch 2, 30 epochs.

Target: mIoU 83.06, F .905. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.default_runtime import *

    from ._base_.adamw import *
    from ._base_.avsegformer_pvtv2b5 import *
    from ._base_.avsbench_s4_512 import *

from avsegformer import FreezeBackboneHook

custom_hooks = [dict(type=FreezeBackboneHook, epochs=5)]
find_unused_parameters = True  # the frozen backbone, in several processes
