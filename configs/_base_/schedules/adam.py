"""Adam at 1e-4, batch 4, constant learning rate, as TPAVI was published.

15 epochs on S4; MS3 and AVSS set `train_cfg.max_epochs` to 30 and 60.
"""

from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, TestLoop, ValLoop
from torch.optim import Adam

optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=Adam, lr=1e-4))
param_scheduler = None
train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=15, val_interval=1)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
auto_scale_lr = dict(base_batch_size=4, enable=False)
