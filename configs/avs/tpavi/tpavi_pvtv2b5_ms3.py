"""TPAVI, PVTv2-B5, AVSBench MS3 without the matching loss: 224 x 224, batch 4, 30 epochs.

Target: mIoU 53.06 (the lower of the two published pairs, read as this variant).
Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.models.pvt_v2_b5 import *
    from .tpavi_r50_ms3 import *

model.backbone = backbone
model.neck.in_channels = channels
