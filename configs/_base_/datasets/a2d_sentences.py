"""A2D Sentences: clips of 8 frames around the annotated ones, without audio.

Needs `pip install 'avis[a2d]'`. The frames of jhmdb_sentences.py test the same models.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import A2DSentences
from avis.datasets.transforms import (
    LoadAudio,
    LoadFrames,
    LoadLabelMaps,
    PackAVInputs,
    ResizeClip,
)
from avis.evaluation import ReferringMetric

dataset = dict(type=A2DSentences, data_root='data/a2d_sentences', window=8)

train_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000, missing='silence'),
    load_labels=dict(type=LoadLabelMaps, encoding='binary'),
    resize=dict(type=ResizeClip, size=(256, 256)),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000, missing='silence'),
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
test_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='test', pipeline=test_pipeline),
)

test_evaluator = dict(type=ReferringMetric, protocol='official')
