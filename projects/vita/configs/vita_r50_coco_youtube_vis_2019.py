"""VITA, ResNet-50, YouTube-VIS 2019: 140,000 iterations of 8 clips of 5 frames.

Target: AP 49.8, AP50 72.6, AP75 54.5, AR1 49.4, AR10 61.0. Status: not run yet. Starts from VITA
trained on COCO, converted by `convert_checkpoint.py vita`; the class layers are new. Deviates from
the authors:

- Training and tests in float32, theirs in mixed precision.
- torch resizes the frames, Pillow theirs: mostly less than 1 in 500 values differs, by 1 of 255.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.youtube_vis_2019 import *

    from ._base_.vita_r50 import *
    from ._base_.schedule import *


load_from = 'data/pretrained/vita_r50_coco.pth'
