"""AVISM, Swin-L from Mask2Former on COCO, AVISeg.

Target: FSLA 52.49, HOTA 71.13, mAP 53.46. Status: not run yet. Deviates from the authors: starts
from the public weights of mmdet, converted by `convert_checkpoint.py mask2former`.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.aviseg import *
    from ..._base_.iteration_runtime import *
    from ..._base_.models.avism_swinl import *
    from ..._base_.schedules.adamw_48k import *

from avis.datasets.transforms import ResizeClip

model.backbone.init_cfg = None
load_from = 'data/pretrained/mask2former_swinl_coco.pth'

test_resize = dict(type=ResizeClip, short_side=448, max_long_side=1333, rounding='nearest')
optim_wrapper.paramwise_cfg.custom_keys.update(backbone_keys)

val_dataloader.dataset.pipeline.load_frames.resize = test_resize
test_dataloader.dataset.pipeline.load_frames.resize = test_resize
