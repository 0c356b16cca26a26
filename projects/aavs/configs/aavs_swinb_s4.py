"""AAVS, Swin-B, AVSBench S4: the second 30 of 60 epochs, 384 x 384, one clip per step.

Target: mIoU 83.18, F .9133. Status: not run yet. `load_from` is the best checkpoint of
aavs_swinb_s4_phase1.py. Deviates from the authors: VGGish is that of AVSBench, theirs that of
towhee.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avsbench_s4 import *
    from avis.configs._base_.default_runtime import *

    from ._base_.aavs_swinb import *
    from ._base_.schedule import *

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

load_from = 'data/pretrained/aavs_swinb_s4_phase1.pth'
