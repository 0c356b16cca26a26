"""Synthetic clips in the layout of AVSBench MS3, 96 x 96.

Made by tools/dataset_tools/make_synthetic.py, `--layout avsbench_ms3 --out data/synthetic_ms3`.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import AVSBenchMS3
from avis.datasets.transforms import (
    LoadAudio,
    LoadFrames,
    LoadLabelMaps,
    PackAVInputs,
    RandomFlip,
    ResizeClip,
)
from avis.evaluation import AVSMetric

dataset = dict(type=AVSBenchMS3, data_root='data/synthetic_ms3/Multi-sources', audio='wav')

train_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000),
    load_labels=dict(type=LoadLabelMaps, encoding='binary'),
    resize=dict(type=ResizeClip, size=(96, 96)),
    random_flip=dict(type=RandomFlip, prob=0.5),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000),
    load_labels=dict(type=LoadLabelMaps, encoding='binary'),
    resize=dict(type=ResizeClip, size=(96, 96)),
    mute_audio=None,  # an optional step, set by demo_tpavi_synthetic_muted.py
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

val_evaluator = dict(type=AVSMetric, protocol='official', batch_size=1)
test_evaluator = dict(type=AVSMetric, protocol='official', batch_size=4)
