"""AVISM, ResNet-50 from Mask2Former on COCO, AVISeg.

Target: FSLA 44.42, HOTA 64.52, mAP 45.04. Status: not run yet. Deviates from the authors: starts
from the public weights of mmdet, made by `convert_checkpoint.py mask2former`.
"""

from mmengine.config import read_base

with read_base():
    from .avism_r50_in_aviseg import *

model.backbone.init_cfg = None
load_from = 'data/pretrained/mask2former_r50_coco.pth'
