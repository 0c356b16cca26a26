"""Ref-AVS Bench, frames of 256 x 256.

The published scores are those of test_s and test_u (objects of seen and unseen classes) and test_n
(null references). The authors compare at 256 x 256, with labels that are enlarged by a bilinear
resize, so the metric reads the labels at the size of the files.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import RefAVS
from avis.datasets.transforms import (
    LoadAudio,
    LoadFrames,
    LoadLabelMaps,
    PackAVInputs,
    ResizeClip,
)
from avis.evaluation import RefAVSMetric

dataset = dict(type=RefAVS, data_root='data/REFAVS')

train_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000, max_padding=1.0),
    load_labels=dict(type=LoadLabelMaps, encoding='binary'),
    resize=dict(type=ResizeClip, size=(256, 256)),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000, max_padding=1.0),
    resize=dict(type=ResizeClip, size=(256, 256)),
    load_labels=dict(type=LoadLabelMaps, encoding='binary', original_size=True),
    pack=dict(type=PackAVInputs),
)

train_dataloader = dict(
    batch_size=4,
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
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='test', pipeline=test_pipeline),
)

val_evaluator = dict(type=RefAVSMetric, protocol='official')
test_evaluator = dict(type=RefAVSMetric, protocol='official')
