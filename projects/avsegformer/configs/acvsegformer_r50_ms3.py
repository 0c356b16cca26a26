"""ACVSegFormer, ResNet-50, AVSBench MS3: the recipe of avsegformer_r50_ms3.

Target: mIoU 56.17, F .685. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from .avsegformer_r50_ms3 import *

model.decode_head.query_generator = dict(num_layers=3, self_attention=False, added_queries=False)
