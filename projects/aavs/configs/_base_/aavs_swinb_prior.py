"""The second stage of AAVS with Swin-B: 71 classes, 100 queries, prior masks.

Initial weights as in aavs_swinb.py.
"""

from mmengine.config import read_base

with read_base():
    from .aavs_swinb import *

from aavs import AAVSPriorHead

model.frame_head.update(
    type=AAVSPriorHead, replace_projections=False, num_classes=71, num_queries=100
)
model.frame_head.loss_set.num_classes = 71
model.trained = ['query_embed', 'adapter', 'class_embed', 'audio_proj', 'prior_embed']
