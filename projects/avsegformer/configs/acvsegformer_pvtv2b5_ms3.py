"""ACVSegFormer, PVTv2-B5, AVSBench MS3: the recipe of avsegformer_pvtv2b5_ms3.

Target: mIoU 63.09, F .738. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from .avsegformer_pvtv2b5_ms3 import *

model.decode_head.query_generator = dict(num_layers=3, self_attention=False, added_queries=False)
