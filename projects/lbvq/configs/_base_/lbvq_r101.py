"""LBVQ with ResNet-101 for 40 classes."""

from mmengine.config import read_base

with read_base():
    from .lbvq_r50 import *

model.backbone.depth = 101
