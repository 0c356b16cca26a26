"""TPAVI, ResNet-50, AVSBench MS3 with the audio-visual matching loss: batch 4, 30 epochs.

Target: mIoU 47.88, F .578. Status: not run yet. Deviates from the authors: nothing
intended.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avsbench_ms3 import *
    from ..._base_.default_runtime import *
    from ..._base_.models.tpavi_r50 import *
    from ..._base_.schedules.adam import *

from avis.models import AVMLoss

model.loss_avm = dict(type=AVMLoss, distance='kl', reduction='sum', weight=0.5)
train_cfg.max_epochs = 30
