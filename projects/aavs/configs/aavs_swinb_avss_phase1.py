"""AAVS, Swin-B, AVSS, the first 20 of 60 epochs: no adapters in the backbone.

Its best checkpoint starts aavs_swinb_avss.py, which has the published result.
"""

from mmengine.config import read_base

with read_base():
    from .aavs_swinb_avss import *

from mmdet.models.backbones import SwinTransformer

train_cfg.max_epochs = 20
model.backbone.type = SwinTransformer
load_from = 'data/pretrained/mask2former_swinb_ade.pth'
