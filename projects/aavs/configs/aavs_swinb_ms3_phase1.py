"""AAVS, Swin-B, AVSBench MS3, the first 30 of 60 epochs: no adapters in the backbone.

Its best checkpoint starts aavs_swinb_ms3.py, which has the published result.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avsbench_ms3 import *
    from avis.configs._base_.default_runtime import *

    from ._base_.aavs_swinb import *
    from ._base_.schedule import *

from mmdet.models.backbones import SwinTransformer

from aavs import ResizeFramesAndLabels

size = (384, 384)
train_dataloader.batch_size = 1
train_dataloader.dataset.pipeline.resize = dict(
    type=ResizeFramesAndLabels, frames=size, labels=size
)
for loader in (val_dataloader, test_dataloader):
    loader.batch_size = 1
    loader.dataset.pipeline.resize = dict(
        type=ResizeFramesAndLabels, frames=size, labels=(224, 224)
    )
test_evaluator.batch_size = 1
randomness.seed = 3407

model.backbone.type = SwinTransformer
model.skip_silent_clips = True
load_from = 'data/pretrained/mask2former_swinb_ade.pth'
