"""A small LR-ASD trained from scratch on synthetic face tracks, for two CPU cores.

Differs from the published recipe in the model (models/lr_asd_small.py), faces of 48 x 48 pixels,
batches of 250 frames, and 12 epochs in which the learning rate rises for one epoch and then falls
as a cosine. There is no noise of other tracks: a small set has few voices. README.md says how to
make the data.
"""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_ava import *
    from .._base_.default_runtime import *
    from .._base_.models.lr_asd_small import *
    from .._base_.schedules.adamw_exponential_40e import *

from mmengine.optim import CosineAnnealingLR, LinearLR

model.data_preprocessor.noise = None
train_dataloader.batch_size = 250  # frames
default_hooks.checkpoint.save_best = 'ava/average_precision'
optim_wrapper.optimizer.lr = 3e-3
auto_scale_lr.base_batch_size = 250
max_epochs = 12
train_cfg.max_epochs = max_epochs
train_cfg.val_interval = 6
param_scheduler = [
    dict(type=LinearLR, start_factor=0.02, by_epoch=True, convert_to_iter_based=True, end=1),
    dict(
        type=CosineAnnealingLR,
        eta_min=0,
        by_epoch=True,
        convert_to_iter_based=True,
        begin=1,
        end=max_epochs,
    ),
]
