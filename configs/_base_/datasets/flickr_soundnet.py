"""Flickr-SoundNet, with models trained on its other frames without annotation: 224 x 224, 3 s.

As EZ-VSL reads it. Validation is on the test set, by which its authors choose the epoch. The
classes show the layouts.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import FlickrSoundNet, FrameAudioPairs
from avis.datasets.transforms import (
    LoadAudioExcerpt,
    LoadFrames,
    LogSpectrogram,
    PackAVInputs,
    RandomCrop,
    RandomFlip,
    ResizeClip,
)
from avis.evaluation import SoundLocalizationMetric

train_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudioExcerpt, seconds=3.0, position='center'),
    spectrogram=dict(type=LogSpectrogram),
    resize=dict(type=ResizeClip, short_side=246, interpolation='bicubic'),
    crop=dict(type=RandomCrop, size=(224, 224)),
    random_flip=dict(type=RandomFlip, prob=0.5),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudioExcerpt, seconds=3.0, position='center'),
    mute_audio=None,  # an optional step, for the scores without audio
    spectrogram=dict(type=LogSpectrogram),
    resize=dict(type=ResizeClip, size=(224, 224), interpolation='bicubic'),
    pack=dict(type=PackAVInputs),
)

train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type=DefaultSampler, shuffle=True),
    dataset=dict(
        type=FrameAudioPairs,
        data_root='data/Flickr-SoundNet',
        ann_file='flickr_144k.csv',
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(type=FlickrSoundNet, split='test', pipeline=test_pipeline),
)
val_dataloader = test_dataloader
val_evaluator = dict(type=SoundLocalizationMetric, variant='ez_vsl', protocol='official')
test_evaluator = val_evaluator
