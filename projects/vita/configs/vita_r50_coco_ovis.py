"""VITA, ResNet-50, OVIS: 150,000 iterations of 8 clips of 6 frames.

Target: AP 19.6, AP50 41.2, AP75 17.4, AR1 11.7, AR10 26.0. Status: not run yet. Starts from VITA
trained on COCO, converted by `convert_checkpoint.py vita`; the class layers are new. Deviates from
the authors:

- Training and tests in float32, theirs in mixed precision.
- torch resizes the frames, Pillow theirs: mostly less than 1 in 500 values differs, by 1 of 255.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.ovis import *

    from ._base_.vita_r50 import *
    from ._base_.schedule import *

param_scheduler[0].milestones = [50000, 125000]
train_cfg.max_iters = 150000

model.frame_head.num_classes = 25
model.frame_head.loss_set.num_classes = 25
model.tracker.head.num_classes = 25
model.tracker.loss_set.num_classes = 25
model.tracker.max_candidates = 20

load_from = 'data/pretrained/vita_r50_coco.pth'
