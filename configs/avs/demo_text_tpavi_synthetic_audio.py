"""First stage of the demo of text: the model without text learns to segment what sounds.

Clips of 32 x 32 in the layout of MS3, made with `--layout avsbench_ms3 --identities 4`, see
docs/referring.md.
"""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_ms3 import *
    from .._base_.default_runtime import *
    from .._base_.models.text_tpavi_small import *
    from .._base_.schedules.adam_linear_9e import *

model.text_encoder = None
model.text_fusion = None
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.dataset.data_root = 'data/synthetic_ms3_32/Multi-sources'
    loader.dataset.pipeline.resize.size = (32, 32)
train_dataloader.batch_size = 8
auto_scale_lr.base_batch_size = 8
optim_wrapper.update(clip_grad=dict(max_norm=5.0))
optim_wrapper.optimizer.lr = 2e-3
