"""VITA, Swin-L, YouTube-VIS 2021: 187,500 iterations of 8 clips of 6 frames.

Target: AP 57.5, AP50 80.6, AP75 61.0, AR1 47.7, AR10 62.6. Status: not run yet. Starts from VITA
trained on COCO, converted by `convert_checkpoint.py vita`; the class layers are new. Deviates from
the authors:

- Training and tests in float32, theirs in mixed precision.
- torch resizes the frames of training, Pillow theirs: mostly less than 1 in 500 values differs, by
  1 of 255.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.youtube_vis_2021 import *

    from ._base_.vita_swinl import *
    from ._base_.schedule import *

from avis.datasets.transforms import ResizeClip

test_dataloader.dataset.pipeline.load_frames.resize = dict(
    type=ResizeClip, short_side=448, max_long_side=1333, rounding='nearest'
)
param_scheduler[0].milestones = [100000]
train_cfg.max_iters = 187500
optim_wrapper.paramwise_cfg.custom_keys.update(backbone_keys)

load_from = 'data/pretrained/vita_swin_coco.pth'
