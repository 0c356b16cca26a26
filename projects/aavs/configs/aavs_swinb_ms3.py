"""AAVS, Swin-B, AVSBench MS3: the second 30 of 60 epochs, 384 x 384, one clip per step.

Target: mIoU 67.30, F .7763. Status: not run yet. `load_from` is the best checkpoint of
aavs_swinb_ms3_phase1.py. Deviates from the authors: VGGish is that of AVSBench, theirs that of
towhee.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avsbench_ms3 import *
    from avis.configs._base_.default_runtime import *

    from ._base_.aavs_swinb import *
    from ._base_.schedule import *

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

model.skip_silent_clips = True
load_from = 'data/pretrained/aavs_swinb_ms3_phase1.pth'
