"""AAVS, Swin-B, binary masks of AVSS, the first 30 of 60 epochs: no adapters in the backbone.

Its best checkpoint starts aavs_swinb_avss_masks.py.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avss import *
    from avis.configs._base_.default_runtime import *

    from ._base_.aavs_swinb import *
    from ._base_.schedule import *

from mmdet.models.backbones import SwinTransformer

from aavs import RepeatLabeledFrame, ResizeFramesAndLabels
from avis.datasets.transforms import LoadLabelMaps
from avis.evaluation import AVSMetric

size = (384, 384)
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.batch_size = 1
    loader.dataset.pipeline.pad_frames = None
    loader.dataset.pipeline.load_labels = dict(type=LoadLabelMaps, encoding='binary')
    loader.dataset.pipeline.resize = dict(
        type=ResizeFramesAndLabels, frames=size, labels=(224, 224)
    )
train_dataloader.dataset.pipeline.resize.labels = size
train_dataloader.dataset.pipeline.crop = dict(type=RepeatLabeledFrame)
val_evaluator = dict(type=AVSMetric, batch_size=1)
test_evaluator = dict(type=AVSMetric, batch_size=1, out='data/aavs_masks')
model.audio_encoder.framing = 'clip_zeros'
randomness.seed = 3407

model.backbone.type = SwinTransformer
load_from = 'data/pretrained/mask2former_swinb_ade.pth'
