"""AAVS, Swin-B, AVSBench S4, the first 30 of 60 epochs: no adapters in the backbone.

Its best checkpoint starts aavs_swinb_s4.py, which has the published result.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avsbench_s4 import *
    from avis.configs._base_.default_runtime import *

    from ._base_.aavs_swinb import *
    from ._base_.schedule import *

from mmdet.models.backbones import SwinTransformer

from aavs import RepeatLabeledFrame, ResizeFramesAndLabels

size = (384, 384)
train_dataloader.batch_size = 1
train_dataloader.dataset.pipeline.resize = dict(
    type=ResizeFramesAndLabels, frames=size, labels=size
)
pack = train_dataloader.dataset.pipeline.pop('pack')
train_dataloader.dataset.pipeline.repeat_frame = dict(type=RepeatLabeledFrame)
train_dataloader.dataset.pipeline.pack = pack  # last again
for loader in (val_dataloader, test_dataloader):
    loader.batch_size = 1
    loader.dataset.pipeline.resize = dict(
        type=ResizeFramesAndLabels, frames=size, labels=(224, 224)
    )
test_evaluator.batch_size = 1
randomness.seed = 3407

model.backbone.type = SwinTransformer
load_from = 'data/pretrained/mask2former_swinb_ade.pth'
