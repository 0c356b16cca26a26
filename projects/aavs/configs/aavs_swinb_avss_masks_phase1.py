"""AAVS, Swin-B, binary masks of AVSS, the first 30 of 60 epochs: no adapters in the backbone.

Its best checkpoint starts aavs_swinb_avss_masks.py.
"""

from mmengine.config import read_base

with read_base():
    from .aavs_swinb_avss_masks import *

from mmdet.models.backbones import SwinTransformer

model.backbone.type = SwinTransformer
load_from = 'data/pretrained/mask2former_swinb_ade.pth'
