"""AAVS, Swin-B, binary masks of AVSS: the first stage of aavs_swinb_avss.py.

A test writes the masks that the second stage reads to data/aavs_masks, of the validation set with
`test_dataloader.dataset.split=val`. `load_from` is the best checkpoint of
aavs_swinb_avss_masks_phase1.py. Epochs and gradient clipping are assumed to be those of S4.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avss import *
    from avis.configs._base_.default_runtime import *

    from ._base_.aavs_swinb import *
    from ._base_.schedule import *

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

load_from = 'data/pretrained/aavs_swinb_avss_masks_phase1.pth'
