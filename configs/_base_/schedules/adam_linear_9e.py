"""Adam at 1e-3 for 9 epochs of batch 4, linear warm-up and decay: the demo of TPAVI."""

from mmengine.optim import LinearLR, OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, TestLoop, ValLoop
from torch.optim import Adam

max_epochs = 9
optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=Adam, lr=1e-3))
warm_up = dict(type=LinearLR, start_factor=0.05, by_epoch=False, begin=0, end=20)
decay = dict(
    type=LinearLR,
    start_factor=1.0,
    end_factor=0.02,
    by_epoch=True,
    begin=0,
    end=max_epochs,
    convert_to_iter_based=True,
)
param_scheduler = [warm_up, decay]
train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
auto_scale_lr = dict(base_batch_size=4, enable=False)
