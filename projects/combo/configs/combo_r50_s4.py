"""COMBO, ResNet-50, AVSBench S4: 224 x 224, batch 8, 90,000 iterations.

Target: mIoU 81.7, F .901. Status: not run yet. Deviates from the authors: see the README.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.iteration_runtime import *

    from ._base_.avsbench_s4 import *
    from ._base_.combo_r50 import *
    from ._base_.schedule import *

default_hooks.checkpoint.update(interval=5000, save_best='avs/miou')
