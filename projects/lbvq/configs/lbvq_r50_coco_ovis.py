"""LBVQ, ResNet-50, OVIS: 150,000 iterations of 8 clips of 6 frames.

Target: AP 22.2, AP50 45.3, AP75 19.0, AR1 12.4, AR10 27.5. Status: not run yet. Starts from
Mask2Former trained on COCO, converted by `convert_checkpoint.py lbvq`; class layers and clip module
are new. Deviates from the authors:

- Training and tests in float32, theirs in mixed precision.
- torch resizes the frames, Pillow theirs: mostly less than 1 in 500 values differs, by 1 of 255.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.ovis import *

    from ._base_.lbvq_r50 import *
    from ._base_.schedule import *

param_scheduler[0].milestones = [50000, 125000]
train_cfg.max_iters = 150000

model.frame_head.num_classes = 25
model.frame_head.loss_set.num_classes = 25
model.tracker.head.num_classes = 25
model.tracker.loss_set.num_classes = 25
model.tracker.max_candidates = 20

load_from = 'data/pretrained/mask2former_r50_coco.pth'
