"""Synthetic people who talk, in the layout of AVISeg, at 1 fps.

Made by tools/dataset_tools/make_synthetic.py, `--layout aviseg --out data/synthetic_aviseg`.
"""

from mmengine.dataset import DefaultSampler, InfiniteSampler

from avis.datasets import AVISeg
from avis.datasets.transforms import (
    LoadAudio,
    LoadFrames,
    LoadTracks,
    PackAVInputs,
    RandomFlip,
    SampleAroundReference,
)
from avis.evaluation import AVISegMetric

dataset = dict(type=AVISeg, data_root='data/synthetic_aviseg')

train_pipeline = dict(
    sample_frames=dict(type=SampleAroundReference, num_frames=4, max_distance=5, replace=False),
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000),
    mute_audio=None,  # an optional step, set by demo_avism_synthetic_muted.py in testing
    random_flip=dict(type=RandomFlip, prob=0.5),
    load_labels=dict(type=LoadTracks, form='dense'),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000),
    mute_audio=None,
    load_labels=dict(type=LoadTracks, form='tracks'),
    pack=dict(type=PackAVInputs),
)

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type=InfiniteSampler, shuffle=True),
    dataset=dict(**dataset, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='val', pipeline=test_pipeline),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='test', pipeline=test_pipeline),
)

# The official protocol averages HOTA over all 26 classes; this data contains one of them.
val_evaluator = dict(type=AVISegMetric, protocol='corrected', write_blanks=False)
test_evaluator = dict(type=AVISegMetric, protocol='corrected', write_blanks=False)
