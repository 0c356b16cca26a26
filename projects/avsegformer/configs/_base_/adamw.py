"""AdamW at 2e-5, constant, as AVSegFormer was published: 30 epochs, MS3 60."""

from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, TestLoop, ValLoop
from torch.optim import AdamW

optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=AdamW, lr=2e-5, weight_decay=0.01))
param_scheduler = None
train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=30, val_interval=1)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
auto_scale_lr = dict(base_batch_size=2, enable=False)
