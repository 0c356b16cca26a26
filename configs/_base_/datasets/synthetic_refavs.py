"""Synthetic clips in the layout of Ref-AVS Bench, 96 x 96.

Made by tools/dataset_tools/make_synthetic.py, `--layout refavs --out data/synthetic_refavs`. Frames
are not flipped: expressions say left and right.
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

dataset = dict(type=RefAVS, data_root='data/synthetic_refavs')

train_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000),
    load_labels=dict(type=LoadLabelMaps, encoding='binary'),
    resize=dict(type=ResizeClip, size=(96, 96)),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000),
    resize=dict(type=ResizeClip, size=(96, 96)),
    load_labels=dict(type=LoadLabelMaps, encoding='binary', original_size=True),
    mute_audio=None,  # an optional step, for the comparison with silence
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
