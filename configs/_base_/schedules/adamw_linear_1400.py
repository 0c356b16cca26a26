"""AdamW at 1e-3 for 1,400 iterations of batch 4, linear warm-up and decay: the demo of AVISM."""

from mmengine.optim import LinearLR, OptimWrapper
from mmengine.runner import IterBasedTrainLoop
from torch.optim import AdamW

from avis.engine import VideoTestLoop, VideoValLoop

max_iters = 1400
optim_wrapper = dict(
    type=OptimWrapper,
    optimizer=dict(type=AdamW, lr=1e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
param_scheduler = [
    dict(type=LinearLR, start_factor=0.02, by_epoch=False, begin=0, end=40),
    dict(type=LinearLR, start_factor=1.0, end_factor=0.02, by_epoch=False, begin=0, end=max_iters),
]
train_cfg = dict(type=IterBasedTrainLoop, max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type=VideoValLoop)
test_cfg = dict(type=VideoTestLoop)
auto_scale_lr = dict(base_batch_size=4, enable=False)
