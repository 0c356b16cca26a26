"""Mask2Former with text and audio on Ref-AVS Bench, with the schedule of the published baseline.

AdamW at 1e-4, two expressions per step, 50 epochs, images of 384 x 384. README.md lists what
differs from the baseline.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.ref_avs import *
    from ..._base_.default_runtime import *
    from ..._base_.models.text_mask2former_swinb import *
    from ..._base_.schedules.adam import *

from torch.optim import AdamW

for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.dataset.pipeline.resize.size = (384, 384)
train_dataloader.batch_size = 2
optim_wrapper.optimizer.type = AdamW
train_cfg.max_epochs = 50
auto_scale_lr.base_batch_size = 2
default_hooks.checkpoint.save_best = 'ref_avs/J'
