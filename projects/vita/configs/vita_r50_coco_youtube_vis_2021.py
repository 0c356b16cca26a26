"""VITA, ResNet-50, YouTube-VIS 2021: 187,500 iterations of 8 clips of 6 frames.

Target: AP 45.7, AP50 67.4, AP75 49.5, AR1 40.9, AR10 53.6. Status: not run yet. Starts from VITA
trained on COCO, converted by `convert_checkpoint.py vita`; the class layers are new. Deviates from
the authors:

- Training and tests in float32, theirs in mixed precision.
- torch resizes the frames, Pillow theirs: mostly less than 1 in 500 values differs, by 1 of 255.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.youtube_vis_2021 import *

    from ._base_.vita_r50 import *
    from ._base_.schedule import *

param_scheduler[0].milestones = [100000]
train_cfg.max_iters = 187500

load_from = 'data/pretrained/vita_r50_coco.pth'
