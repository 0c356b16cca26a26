"""AVISM, ResNet-50 from Mask2Former on COCO, AVISeg.

Target: FSLA 44.42, HOTA 64.52, mAP 45.04. Status: not run yet. Deviates from the authors: starts
from the public weights of mmdet, converted by `convert_checkpoint.py mask2former`.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.aviseg import *
    from ..._base_.iteration_runtime import *
    from ..._base_.models.avism_r50 import *
    from ..._base_.schedules.adamw_48k import *

model.backbone.init_cfg = None
load_from = 'data/pretrained/mask2former_r50_coco.pth'
