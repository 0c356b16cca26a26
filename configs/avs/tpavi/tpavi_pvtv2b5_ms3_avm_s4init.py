"""TPAVI, PVTv2-B5, MS3 with the matching loss, starting from a model trained on S4.

Target: no published number of its own. Train tpavi_pvtv2b5_s4 first, or convert the released
weights with `tools/model_converters/convert_checkpoint.py avsbench`. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.models.pvt_v2_b5 import *
    from .tpavi_r50_ms3_avm_s4init import *

model.backbone = backbone
model.neck.in_channels = channels
load_from = 'data/pretrained/tpavi_pvtv2b5_s4.pth'
