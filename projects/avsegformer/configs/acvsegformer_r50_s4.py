"""ACVSegFormer, ResNet-50, AVSBench S4: the recipe of avsegformer_r50_s4.

Target: mIoU 76.42, F .871. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from .avsegformer_r50_s4 import *

model.decode_head.query_generator = dict(num_layers=3, self_attention=False, added_queries=False)
