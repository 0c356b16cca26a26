"""TPAVI, PVTv2-B5, MS3 with the matching loss, starting from a model trained on S4.

Target: no published number of its own. Train tpavi_pvtv2b5_s4 first, or convert the released
weights with `tools/model_converters/convert_checkpoint.py avsbench`. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from .tpavi_pvtv2b5_ms3_avm import *

load_from = 'data/pretrained/tpavi_pvtv2b5_s4.pth'
