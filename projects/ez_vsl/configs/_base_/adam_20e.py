"""20 epochs of Adam at 1e-4, batch 128 over all processes, constant learning rate."""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.schedules.adam import *

train_cfg.max_epochs = 20
auto_scale_lr.base_batch_size = 128
