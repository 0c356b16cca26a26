"""COMBO, ResNet-50, AVSBench MS3: 224 x 224, batch 8, 20,000 iterations.

Target: mIoU 54.5, F .666. Status: not run yet. Deviates from the authors: see the README.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.iteration_runtime import *

    from ._base_.avsbench_ms3 import *
    from ._base_.combo_r50 import *
    from ._base_.schedule import *

param_scheduler[0].end = 20000
train_cfg.update(max_iters=20000, val_interval=400)
default_hooks.checkpoint.update(interval=400, save_best='avs/miou')
