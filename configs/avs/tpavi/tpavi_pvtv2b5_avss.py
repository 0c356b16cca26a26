"""TPAVI, PVTv2-B5, AVSBench-semantic: 71 classes, 10 frames, batch 4, 60 epochs.

Target: mIoU 29.8, F .352 (reported by others). Status: not run yet. Deviates from the
authors: validates after epochs 16, 18, ..., they after 17, 19, ...
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.models.pvt_v2_b5 import *
    from .tpavi_r50_avss import *

model.backbone = backbone
model.neck.in_channels = channels
