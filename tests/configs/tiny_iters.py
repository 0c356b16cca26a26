"""The tiny run in 9 iterations without epochs, with a checkpoint every third."""

from mmengine.config import read_base

with read_base():
    from .tiny import *

from mmengine.dataset import InfiniteSampler
from mmengine.runner import IterBasedTrainLoop

train_cfg = dict(type=IterBasedTrainLoop, max_iters=9, val_interval=3)
train_dataloader.sampler.type = InfiniteSampler
param_scheduler = None
default_hooks.checkpoint.by_epoch = False
default_hooks.checkpoint.interval = 3
default_hooks.logger.log_metric_by_epoch = False
log_processor.by_epoch = False
