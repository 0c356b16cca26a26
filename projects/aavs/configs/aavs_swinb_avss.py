"""AAVS, Swin-B, AVSS, second stage: the last 40 of 60 epochs, 384 x 384, one clip per step.

Target: mIoU 48.50, F .5320. Status: not run yet. Training reads the sounding objects from the
ground truth, tests read what aavs_swinb_avss_masks.py has written. `load_from` is the best
checkpoint of aavs_swinb_avss_phase1.py. Deviates from the authors: VGGish is that of AVSBench,
theirs that of towhee.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avss import *
    from avis.configs._base_.default_runtime import *

    from ._base_.aavs_swinb_prior import *
    from ._base_.schedule import *

from aavs import LoadPriorMasks, RepeatLabeledFrame, ResizeFramesAndLabels

size = (384, 384)
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.batch_size = 1
    loader.dataset.pipeline.pad_frames = None
    loader.dataset.pipeline.resize = dict(
        type=ResizeFramesAndLabels, frames=size, labels=(224, 224)
    )
    pack = loader.dataset.pipeline.pop('pack')
    loader.dataset.pipeline.prior_masks = dict(type=LoadPriorMasks, folder='data/aavs_masks')
    loader.dataset.pipeline.pack = pack  # last again
train_dataloader.dataset.pipeline.crop = dict(type=RepeatLabeledFrame)
train_dataloader.dataset.pipeline.prior_masks.folder = None  # the ground truth
pack = train_dataloader.dataset.pipeline.pop('pack')
train_dataloader.dataset.pipeline.resize_labels = dict(
    type=ResizeFramesAndLabels, frames=size, labels=size
)
train_dataloader.dataset.pipeline.pack = pack
default_hooks.checkpoint.save_best = 'avss/miou'
optim_wrapper.clip_grad = None
train_cfg.max_epochs = 40
model.audio_encoder.framing = 'clip_zeros'
randomness.seed = 3407

load_from = 'data/pretrained/aavs_swinb_avss_phase1.pth'
