"""AdamW at 1e-3, times 0.95 after each epoch, 40 epochs, as LR-ASD was published.

Batches have up to 2000 frames. Light-ASD sets Adam and 30 epochs.
"""

from mmengine.optim import ExponentialLR, OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, TestLoop, ValLoop
from torch.optim import AdamW

optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=AdamW, lr=1e-3, weight_decay=0.01))
param_scheduler = [dict(type=ExponentialLR, gamma=0.95, by_epoch=True)]
train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=40, val_interval=1)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
auto_scale_lr = dict(base_batch_size=2000, enable=False)
