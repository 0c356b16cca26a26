"""Synthetic clips in the layout of Ref-AVS Bench, three frames of 32 x 32.

Made by tools/dataset_tools/make_synthetic.py, `--layout refavs --out data/synthetic_refavs
--size 32x32 --seconds 3 --identities 4`. Frames are not flipped: expressions say left and right.
The official protocol enlarges labels by a pixel, which is much at this size: scores are corrected.
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

dataset = dict(type=RefAVS, data_root='data/synthetic_refavs', length=3)

train_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000),
    load_labels=dict(type=LoadLabelMaps, encoding='binary'),
    resize=dict(type=ResizeClip, size=(32, 32)),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000),
    resize=dict(type=ResizeClip, size=(32, 32)),
    load_labels=dict(type=LoadLabelMaps, encoding='binary', original_size=True),
    mute_audio=None,  # an optional step, set by demo_text_tpavi_synthetic_muted.py
    blank_expression=None,  # an optional step, set by demo_text_tpavi_synthetic_blank.py
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

val_evaluator = dict(type=RefAVSMetric, protocol='corrected')
test_evaluator = dict(type=RefAVSMetric, protocol='corrected')
