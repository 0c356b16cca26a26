"""AVSegFormer, PVTv2-B5, AVSBench MS3: 512 x 512, batch 2, 60 epochs.

Target: mIoU 61.33, F .730. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.default_runtime import *

    from ._base_.adamw import *
    from ._base_.avsegformer_pvtv2b5 import *
    from ._base_.avsbench_ms3_512 import *

from avsegformer import FreezeBackboneHook

train_cfg.max_epochs = 60
custom_hooks = [dict(type=FreezeBackboneHook, epochs=10)]
find_unused_parameters = True  # the frozen backbone, in several processes
