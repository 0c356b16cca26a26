"""YouMVOS, actors of videos with cuts, at 5 to 9 frames per second.

Clips of five frames are trained on; whole videos of about 1,800 frames are tested, short side 360,
with their audio.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import YouMVOS
from avis.datasets.transforms import (
    LoadAudio,
    LoadFrames,
    LoadTracks,
    PackAVInputs,
    RandomFlip,
    ResizeClip,
    SampleFrames,
)

dataset = dict(type=YouMVOS, data_root='data/YouMVOS')

resize = dict(
    type=ResizeClip, short_side=360, max_long_side=1333, rounding='nearest', backend='torch'
)
load_audio = dict(type=LoadAudio, missing='silence', max_padding=1.0)

train_pipeline = dict(
    sample=dict(type=SampleFrames, mode='window', num_frames=5),
    load_frames=dict(type=LoadFrames, resize=resize),
    load_audio=load_audio,
    flip=dict(type=RandomFlip, prob=0.5),
    load_labels=dict(type=LoadTracks, form='dense'),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames, resize=resize),
    load_audio=load_audio,
    load_labels=dict(type=LoadTracks, form='tracks'),
    pack=dict(type=PackAVInputs),
)

train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=True),
    dataset=dict(**dataset, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='val', pipeline=test_pipeline),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='test', pipeline=test_pipeline),
)
