"""AVISM, Swin-L from ImageNet, AVISeg: 200 queries per frame, short side 448 in testing.

Target: FSLA 49.15, HOTA 68.81, mAP 49.06. Status: not run yet. Deviates from the authors: as
avism_r50_in_aviseg.py.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.aviseg import *
    from ..._base_.iteration_runtime import *
    from ..._base_.models.avism_swinl import *
    from ..._base_.schedules.adamw_48k import *

from avis.datasets.transforms import ResizeClip

test_resize = dict(type=ResizeClip, short_side=448, max_long_side=1333, rounding='nearest')
optim_wrapper.paramwise_cfg.custom_keys.update(backbone_keys)

val_dataloader.dataset.pipeline.load_frames.resize = test_resize
test_dataloader.dataset.pipeline.load_frames.resize = test_resize
