"""COMBO, PVTv2-B5, AVSBench-semantic: 224 x 224, batch 8, 90,000 iterations.

Target: mIoU 42.1, F .461. Status: not run yet. Deviates from the authors: see the README.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.iteration_runtime import *

    from ._base_.avss import *
    from ._base_.combo_pvtv2b5 import *
    from ._base_.schedule import *

from mmengine.optim import AmpOptimWrapper

model.audio_encoder.framing = 'clip_zeros'
model.frame_head.num_classes = num_classes
model.frame_head.loss_set.num_classes = num_classes

optim_wrapper.type = AmpOptimWrapper
default_hooks.checkpoint.update(interval=5000, save_best='avss/miou')
