"""AVISM, Swin-L from Mask2Former on COCO, AVISeg.

Target: FSLA 52.49, HOTA 71.13, mAP 53.46. Status: not run yet. Deviates from the authors: starts
from the public weights of mmdet, made by `convert_checkpoint.py mask2former`.
"""

from mmengine.config import read_base

with read_base():
    from .avism_swinl_in_aviseg import *

model.backbone.init_cfg = None
load_from = 'data/pretrained/mask2former_swinl_coco.pth'
