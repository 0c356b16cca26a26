"""VITA, Swin-L, YouTube-VIS 2019: 140,000 iterations of 8 clips of 5 frames.

Target: AP 63.0, AP50 86.9, AP75 67.9, AR1 56.3, AR10 68.1. Status: not run yet. Starts from VITA
trained on COCO, converted by `convert_checkpoint.py vita`; the class layers are new. Deviates from
the authors:

- Training and tests in float32, theirs in mixed precision.
- torch resizes the frames of training, Pillow theirs: mostly less than 1 in 500 values differs, by
  1 of 255.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.youtube_vis_2019 import *

    from ._base_.vita_swinl import *
    from ._base_.schedule import *

from avis.datasets.transforms import ResizeClip

test_dataloader.dataset.pipeline.load_frames.resize = dict(
    type=ResizeClip, short_side=448, max_long_side=1333, rounding='nearest'
)
optim_wrapper.paramwise_cfg.custom_keys.update(backbone_keys)

load_from = 'data/pretrained/vita_swin_coco.pth'
