"""ACVIS, ResNet-50 from ImageNet, AVISeg: 60,000 iterations of 2 clips of 5 frames.

Target: FSLA 42.43, HOTA 62.04, mAP 42.01. Status: not run yet. Train it in two processes of one
clip each: `tools/dist_train.sh CONFIG 2`. The README lists the recipe and what is unknown of it.
"""

from mmengine.config import read_base

with read_base():
    from ._base_.acvis_r50 import *

max_iters = 60000
train_cfg.max_iters = max_iters
param_scheduler[0].end = max_iters
