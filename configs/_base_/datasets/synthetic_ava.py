"""Synthetic face tracks in the layout of AVA-ActiveSpeaker, 48 x 48.

Made by tools/dataset_tools/make_synthetic.py, `--layout ava --out data/synthetic_ava`.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import AVAActiveSpeaker, TrackBatchSampler, TrackSampler
from avis.datasets.transforms import AugmentFaces, LoadAudio, LoadFaces, PackAVInputs
from avis.evaluation import ASDMetric

dataset = dict(type=AVAActiveSpeaker, data_root='data/synthetic_ava')

train_pipeline = dict(
    load_faces=dict(type=LoadFaces, size=48),
    load_audio=dict(type=LoadAudio, sample_rate=16000, max_padding=None),
    augment=dict(type=AugmentFaces),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_faces=dict(type=LoadFaces, size=48),
    load_audio=dict(type=LoadAudio, sample_rate=16000, max_padding=None),
    mute_audio=None,  # an optional step, set by demo_lr_asd_synthetic_muted.py
    pack=dict(type=PackAVInputs),
)

train_dataloader = dict(
    batch_size=500,  # frames
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=TrackSampler),
    batch_sampler=dict(type=TrackBatchSampler),
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
    dataset=dict(**dataset, split='val', pipeline=test_pipeline),
)
val_evaluator = dict(type=ASDMetric, protocol='official')
test_evaluator = dict(type=ASDMetric, protocol='official')
