"""AdamW at 5e-5 (a tenth for the backbone), 8 clips per iteration; the configs state the length.

Norms and learned embeddings have no weight decay. YouTube-VIS and OVIS publish no ground truth to
validate with: nothing is validated.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.iteration_runtime import *

from mmengine.optim import MultiStepLR, OptimWrapper
from mmengine.runner import IterBasedTrainLoop
from torch.optim import AdamW

from avis.engine import VideoTestLoop

without_decay = dict(decay_mult=0.0)
optim_wrapper = dict(
    type=OptimWrapper,
    optimizer=dict(type=AdamW, lr=5e-5, weight_decay=0.05),
    clip_grad=dict(max_norm=0.01, norm_type=2),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        custom_keys={
            'backbone': dict(lr_mult=0.1),
            'query_feat': without_decay,
            'query_embed': without_decay,
            'level_embed': without_decay,
        },
    ),
)
param_scheduler = [dict(type=MultiStepLR, by_epoch=False, begin=0, milestones=[75000], gamma=0.1)]
train_cfg = dict(type=IterBasedTrainLoop, max_iters=140000)
val_cfg = None
test_cfg = dict(type=VideoTestLoop)  # in float32; fp16=True tests in float16, as the authors do
default_hooks.checkpoint.update(interval=5000, save_best=None)
auto_scale_lr = dict(base_batch_size=8, enable=False)
