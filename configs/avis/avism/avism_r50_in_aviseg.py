"""AVISM, ResNet-50 from ImageNet, AVISeg: 48,000 iterations of 2 clips of 5 frames.

Target: FSLA 42.78, HOTA 61.73, mAP 40.57. Status: not run yet. Deviates from the authors: one
process trains on both clips; with two processes of one clip each
(`train_dataloader.batch_size=1`), nothing.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.aviseg import *
    from ..._base_.iteration_runtime import *
    from ..._base_.models.avism_r50 import *
    from ..._base_.schedules.adamw_48k import *
