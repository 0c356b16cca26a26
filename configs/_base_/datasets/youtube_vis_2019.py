"""YouTube-VIS 2019, 40 classes, videos without audio: the recipe of aviseg.py.

An audio-visual head reads zeros as audio. The official val and test splits contain no ground
ground truth: set `test_evaluator.out` to the path of a results.json, and submit that file.
"""

from mmengine.dataset import DefaultSampler, InfiniteSampler

from avis.datasets import YouTubeVIS
from avis.datasets.transforms import (
    LoadAudio,
    LoadFrames,
    LoadTracks,
    PackAVInputs,
    RandomFlip,
    RandomMovingCrop,
    ResizeClip,
    SampleAroundReference,
)
from avis.evaluation import YouTubeVISMetric

dataset = dict(type=YouTubeVIS, version='2019', data_root='data/youtube_vis_2019')

train_pipeline = dict(
    sample_frames=dict(type=SampleAroundReference, num_frames=5, max_distance=20, replace=True),
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, source='features', missing='silence'),
    random_crop=dict(
        type=RandomMovingCrop,
        short_sides=(400, 500, 600),
        crop_range=(384, 600),
        prob=0.5,
        backend='torch',
    ),
    resize=dict(
        type=ResizeClip,
        short_side=(288, 320, 352, 384, 416, 448, 480, 512),
        max_long_side=768,
        rounding='nearest',
        backend='torch',
    ),
    random_flip=dict(type=RandomFlip, prob=0.5),
    load_labels=dict(type=LoadTracks, form='dense'),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(
        type=LoadFrames,
        resize=dict(
            type=ResizeClip,
            short_side=360,
            max_long_side=1333,
            rounding='nearest',
            backend='torch',
        ),
    ),
    load_audio=dict(type=LoadAudio, source='features', missing='silence'),
    load_labels=dict(type=LoadTracks, form='tracks'),
    pack=dict(type=PackAVInputs),
)

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type=InfiniteSampler, shuffle=True),
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

val_evaluator = dict(type=YouTubeVISMetric, protocol='official')
test_evaluator = dict(type=YouTubeVISMetric, protocol='official')
