"""Mask2Former on single frames without audio, ResNet-50 from COCO, AVISeg: a visual baseline.

Its queries are matched over frames by embedding, as in MinVIS. Data and schedule are those of
AVISM; no audio is loaded, and late instances keep their class. Target: none published; the row
Mask2Former-VIS of AVISeg is another model, whose queries attend to all frames of a clip at once.
Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.aviseg import *
    from ..._base_.iteration_runtime import *
    from ..._base_.models.mask2former_r50 import *
    from ..._base_.schedules.adamw_48k import *

train_dataloader.dataset.pipeline.load_audio = None
val_dataloader.dataset.pipeline.load_audio = None
test_dataloader.dataset.pipeline.load_audio = None
load_from = 'data/pretrained/mask2former_r50_coco.pth'
