"""AVSegFormer, ResNet-50, AVSBench-semantic: 71 classes, 10 frames, batch 4, 30 epochs.

Target: mIoU 26.58, F .315. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avss import *
    from avis.configs._base_.default_runtime import *

    from ._base_.adamw import *
    from ._base_.avsegformer_r50 import *

from avis.engine import OffsetValTrainLoop
from avis.models import LabeledCrossEntropyLoss

model.audio_encoder.framing = 'clip_zeros'
model.decode_head.num_classes = num_classes
model.loss_seg = dict(type=LabeledCrossEntropyLoss)

# After epochs 11, 13, ..., 29.
train_cfg.update(type=OffsetValTrainLoop, val_begin=11, val_interval=2)
default_hooks.checkpoint.save_best = 'avss/miou'
auto_scale_lr.base_batch_size = 4
