"""VPO-SS, one source per image; `dataset.subset='ms'` or 'msmi' for several sources.

Training resizes images to 512 x 512, testing keeps the size of each image, so batches are of 1.
`load_audio.stereo=True` loads two channels, for a model that takes them.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import VPO
from avis.datasets.transforms import (
    LoadFrames,
    LoadLabelMaps,
    LoadMixedAudio,
    PackAVInputs,
    RandomFlip,
    ResizeClip,
)
from avis.evaluation import VPOMetric

num_classes = 22
dataset = dict(type=VPO, subset='ss', data_root='data/audio_visual')

train_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadMixedAudio, sample_rate=16000, stereo=False),
    load_labels=dict(type=LoadLabelMaps, encoding='vpo_ids'),
    resize=dict(type=ResizeClip, size=(512, 512)),
    flip=dict(type=RandomFlip, prob=0.5),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadMixedAudio, sample_rate=16000, stereo=False),
    load_labels=dict(type=LoadLabelMaps, encoding='vpo_ids'),
    pack=dict(type=PackAVInputs),
)

train_dataloader = dict(
    batch_size=8,
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
    dataset=dict(**dataset, split='test', pipeline=test_pipeline),
)
test_dataloader = val_dataloader

val_evaluator = dict(type=VPOMetric, protocol='official', num_classes=num_classes)
test_evaluator = dict(type=VPOMetric, protocol='official', num_classes=num_classes)
