"""Light-ASD, AVA-ActiveSpeaker: faces of 112 x 112, batches of 2000 frames, 30 epochs.

Target: mAP 94.06. Status: not run yet; the published weights reproduce all recorded values.
Deviates from the authors: the best epoch on the validation split is kept beside the last ones.
"""

from mmdet.engine.hooks import SetEpochInfoHook
from mmengine.config import read_base
from torch.optim import Adam

with read_base():
    from .._base_.datasets.ava import *
    from .._base_.default_runtime import *
    from .._base_.models.light_asd import *
    from .._base_.schedules.adamw_exponential_40e import *

default_hooks.checkpoint.save_best = 'ava/average_precision'
custom_hooks = [dict(type=SetEpochInfoHook)]  # for the temperature of the loss
optim_wrapper.optimizer = dict(type=Adam, lr=1e-3)
train_cfg.max_epochs = 30
