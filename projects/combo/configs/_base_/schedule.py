"""AdamW at 1e-4 (a tenth for the backbones), polynomial decay, as COMBO was published.

90,000 iterations of 8 clips; MS3 sets 20,000. Norms and learned embeddings have no weight decay.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.schedules.adamw_48k import *

from mmengine.optim import PolyLR
from mmengine.runner import TestLoop, ValLoop

max_iters = 90000
optim_wrapper.paramwise_cfg.custom_keys.audio_position = without_decay
param_scheduler = [
    dict(type=PolyLR, by_epoch=False, begin=0, end=max_iters, power=0.9, eta_min=0.0)
]
train_cfg.update(max_iters=max_iters, val_interval=5000)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
auto_scale_lr.base_batch_size = 8
