"""Synthetic clips in the layout of VGG-SS, 64 x 64, with 1.5 s of audio.

Made by tools/dataset_tools/make_synthetic.py, `--layout vggss --out data/synthetic_vggss
--seconds 3`. Training uses no boxes.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import VGGSS, FrameAudioPairs
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

dataset = dict(data_root='data/synthetic_vggss')

train_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudioExcerpt, seconds=1.5, sample_rate=8000),
    spectrogram=dict(type=LogSpectrogram),
    resize=dict(type=ResizeClip, size=(72, 72)),
    crop=dict(type=RandomCrop, size=(64, 64)),
    random_flip=dict(type=RandomFlip, prob=0.5),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudioExcerpt, seconds=1.5, sample_rate=8000),
    mute_audio=None,  # an optional step, for the scores without audio
    spectrogram=dict(type=LogSpectrogram),
    resize=dict(type=ResizeClip, size=(64, 64)),
    pack=dict(type=PackAVInputs),
)

train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type=DefaultSampler, shuffle=True),
    dataset=dict(
        **dataset, type=FrameAudioPairs, ann_file='vggss_train.csv', pipeline=train_pipeline
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        **dataset, type=VGGSS, split='test', list_file='vggss_val.csv', pipeline=test_pipeline
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, type=VGGSS, split='test', pipeline=test_pipeline),
)
val_evaluator = dict(type=SoundLocalizationMetric, variant='ez_vsl', protocol='official')
test_evaluator = val_evaluator
