"""A small TPAVI that reads text, trained on synthetic expressions, for two CPU cores.

Second stage: it starts with the weights of demo_text_tpavi_synthetic_audio.py, which hardly change:
while the text fusion is still random, they would unlearn to read its output. Text encoder and text
fusion learn which object an expression names.
Three frames of 32 x 32 per clip. The data are made with `--layout refavs --identities 4`, see
docs/referring.md.
"""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_refavs import *
    from .._base_.default_runtime import *
    from .._base_.models.text_tpavi_small import *
    from .._base_.schedules.adam_linear_9e import *

max_epochs = 27
train_cfg.update(max_epochs=max_epochs, val_interval=max_epochs)
decay.update(end=max_epochs)
param_scheduler = [warm_up, decay]
load_from = 'work_dirs/demo_text_tpavi_synthetic_audio/epoch_9.pth'
train_dataloader.batch_size = 16
auto_scale_lr.base_batch_size = 16
first_stage = dict(lr_mult=1e-3)
optim_wrapper.update(
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(
        custom_keys=dict(
            backbone=first_stage,
            neck=first_stage,
            audio_encoder=first_stage,
            fusions=first_stage,
            decode_head=first_stage,
        )
    ),
)
optim_wrapper.optimizer.lr = 2e-3
default_hooks.checkpoint.save_best = 'ref_avs_corrected/J'
