"""AVSBench-semantic with prior images, resized to 224 x 224; color jitter and flips in training.

Prior images are below pre_SAM_mask/AVSBench_semantic, in folders processed_frames, as the authors
publish them, or as `python -m combo.make_prior_images` writes them.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avss import *

from combo import JitterEachImage, LoadPriorImages
from mmengine.dataset import InfiniteSampler

from avis.datasets.transforms import RandomFlip

load_priors = dict(
    type=LoadPriorImages,
    replace={
        'AVSBench_semantic/': 'AVSBench_semantic/pre_SAM_mask/AVSBench_semantic/',
        '/frames/': '/processed_frames/',
    },
)
train_pipeline = dict(
    load_frames=test_pipeline.load_frames,
    load_labels=test_pipeline.load_labels,
    resize=test_pipeline.resize,
    load_priors=load_priors,  # at the size of the files, and before the audio of a long video
    load_audio=test_pipeline.load_audio,
    jitter=dict(type=JitterEachImage),
    flip=dict(type=RandomFlip, prob=0.5),
    pad_frames=test_pipeline.pad_frames,
    pack=test_pipeline.pack,
)
test_pipeline = dict(
    load_frames=test_pipeline.load_frames,
    load_labels=test_pipeline.load_labels,
    resize=test_pipeline.resize,
    load_priors=load_priors,  # at the size of the files, and before the audio of a long video
    load_audio=test_pipeline.load_audio,
    pad_frames=test_pipeline.pad_frames,
    pack=test_pipeline.pack,
)
train_dataloader.batch_size = 8
train_dataloader.sampler = dict(type=InfiniteSampler, shuffle=True)
train_dataloader.dataset.pipeline = train_pipeline
for loader in (val_dataloader, test_dataloader):
    loader.batch_size = 1
    loader.dataset.pipeline = test_pipeline
