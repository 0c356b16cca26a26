"""AVSBench MS3 with prior images, random sizes and crops of 224 x 224, color jitter and flips.

Prior images are below ms3_data/pre_SAM_mask, as the authors publish them, or as
`python -m combo.make_prior_images` writes them. Tests have one clip per batch, on which F depends.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avsbench_ms3 import *

from combo import JitterEachImage, LoadPriorImages, RandomCropOrPad
from mmengine.dataset import InfiniteSampler

from avis.datasets.transforms import RandomFlip

load_priors = dict(type=LoadPriorImages, replace={'visual_frames': 'pre_SAM_mask'})
train_pipeline = dict(
    load_frames=pipeline.load_frames,
    load_priors=load_priors,
    load_audio=pipeline.load_audio,
    load_labels=pipeline.load_labels,
    resize=dict(
        type=ResizeClip,
        short_side=[
            *(112, 134, 156, 179, 201, 224, 246, 268, 291, 313, 336, 358, 380, 403, 425, 448),
        ],
        max_long_side=896,
        rounding='nearest',
    ),
    crop=dict(type=RandomCropOrPad, size=(224, 224)),
    jitter=dict(type=JitterEachImage),
    flip=dict(type=RandomFlip, prob=0.5),
    pack=pipeline.pack,
)
test_pipeline = dict(
    load_frames=pipeline.load_frames,
    load_priors=load_priors,
    load_audio=pipeline.load_audio,
    load_labels=pipeline.load_labels,
    resize=pipeline.resize,
    pack=pipeline.pack,
)
train_dataloader.batch_size = 8
train_dataloader.sampler = dict(type=InfiniteSampler, shuffle=True)
train_dataloader.dataset.pipeline = train_pipeline
for loader in (val_dataloader, test_dataloader):
    loader.batch_size = 1
    loader.dataset.pipeline = test_pipeline
test_evaluator.batch_size = 1
