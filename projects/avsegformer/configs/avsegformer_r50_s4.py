"""AVSegFormer, ResNet-50, AVSBench S4: 512 x 512, batch 2, 30 epochs.

Target: mIoU 76.38, F .867. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.default_runtime import *

    from ._base_.adamw import *
    from ._base_.avsegformer_r50 import *
    from ._base_.avsbench_s4_512 import *

from avsegformer import FreezeBackboneHook

custom_hooks = [dict(type=FreezeBackboneHook, epochs=5)]
find_unused_parameters = True  # the frozen backbone, in several processes
