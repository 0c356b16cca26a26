"""A small LR-ASD trained from scratch on synthetic face tracks, for two CPU cores.

Differs from the published recipe in the model (models/lr_asd_small.py), faces of 48 x 48 pixels,
batches of 500 frames and 12 epochs.
"""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_ava import *
    from .._base_.default_runtime import *
    from .._base_.models.lr_asd_small import *
    from .._base_.schedules.adamw_exponential_40e import *

default_hooks.checkpoint.save_best = 'ava/average_precision'
optim_wrapper.optimizer.lr = 3e-3
auto_scale_lr.base_batch_size = 500
train_cfg.max_epochs = 12
train_cfg.val_interval = 4
