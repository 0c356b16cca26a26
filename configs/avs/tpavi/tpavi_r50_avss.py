"""TPAVI, ResNet-50, AVSBench-semantic: 71 classes, 10 frames, batch 4, 60 epochs.

Target: mIoU 20.18, F .252 (reported by others). Status: not run yet. Deviates from the
authors: validates after epochs 16, 18, ..., they after 17, 19, ...
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avss import *
    from ..._base_.default_runtime import *
    from ..._base_.models.tpavi_r50 import *
    from ..._base_.schedules.adam import *

from avis.models import AVMLoss, LabeledCrossEntropyLoss

model.audio_encoder.framing = 'clip_zeros'
model.fusion.audio_bias = False
model.decode_head.num_classes = num_classes
model.loss_seg = dict(type=LabeledCrossEntropyLoss)
model.loss_avm = dict(type=AVMLoss, distance='kl', reduction='mean', weight=0.5)

train_cfg.update(max_epochs=60, val_begin=16, val_interval=2)
default_hooks.checkpoint.save_best = 'avss/miou'
