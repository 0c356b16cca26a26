"""AdamW at 1e-4 (a tenth for the backbone), 48,000 iterations of 2 clips, as AVISM was published.

The config file of the authors says 150 iterations with a step at 100, left over from debugging;
the values here are those in its comments, which ACVIS trains with too. For the file as it is:
`--cfg-options train_cfg.max_iters=150 param_scheduler.0.milestones=[100]`. No warm-up. Norms and
learned embeddings have no weight decay.
"""

from mmengine.optim import MultiStepLR, OptimWrapper
from mmengine.runner import IterBasedTrainLoop
from torch.optim import AdamW

from avis.engine import VideoTestLoop, VideoValLoop

max_iters = 48000
without_decay = dict(decay_mult=0.0)
optim_wrapper = dict(
    type=OptimWrapper,
    optimizer=dict(type=AdamW, lr=1e-4, weight_decay=0.05),
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
param_scheduler = [
    dict(type=MultiStepLR, by_epoch=False, begin=0, end=max_iters, milestones=[32000], gamma=0.1)
]
train_cfg = dict(type=IterBasedTrainLoop, max_iters=max_iters, val_interval=4000)
val_cfg = dict(type=VideoValLoop)
test_cfg = dict(type=VideoTestLoop)  # in float32; fp16=True tests in float16, as the authors do
auto_scale_lr = dict(base_batch_size=2, enable=False)
