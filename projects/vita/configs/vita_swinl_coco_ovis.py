"""VITA, Swin-L, OVIS: 150,000 iterations of 8 clips of 6 frames.

Target: AP 27.7, AP50 51.9, AP75 24.9, AR1 14.9, AR10 33.0. Status: not run yet. Starts from VITA
trained on COCO, converted by `convert_checkpoint.py vita`; the class layers are new. Deviates from
the authors:

- Training and tests in float32, theirs in mixed precision.
- torch resizes the frames of training, Pillow theirs: mostly less than 1 in 500 values differs, by
  1 of 255.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.ovis import *

    from ._base_.vita_swinl import *
    from ._base_.schedule import *

from avis.datasets.transforms import ResizeClip

test_dataloader.dataset.pipeline.load_frames.resize = dict(
    type=ResizeClip, short_side=448, max_long_side=1333, rounding='nearest'
)
param_scheduler[0].milestones = [50000, 125000]
train_cfg.max_iters = 150000
optim_wrapper.paramwise_cfg.custom_keys.update(backbone_keys)

model.frame_head.num_classes = 25
model.frame_head.loss_set.num_classes = 25
model.tracker.head.num_classes = 25
model.tracker.loss_set.num_classes = 25
model.tracker.max_candidates = 20

load_from = 'data/pretrained/vita_swin_coco.pth'
