"""AVSBench-semantic, 71 classes, 10 frames, 224 x 224: the protocol of the authors.

Training crops the center of the frame, testing resizes the whole frame to a square; clips of 5
frames are padded with black ones. Batches of 4 everywhere.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import AVSBenchSemantic
from avis.datasets.transforms import (
    CenterCrop,
    LoadAudio,
    LoadFrames,
    LoadLabelMaps,
    PackAVInputs,
    PadFrames,
    ResizeClip,
)
from avis.evaluation import AVSSMetric

num_classes = 71
dataset = dict(type=AVSBenchSemantic, data_root='data/AVSBench_semantic')

train_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    # Some audio files end before their clip, by up to a second.
    load_audio=dict(type=LoadAudio, sample_rate=16000, max_padding=1.0),
    load_labels=dict(type=LoadLabelMaps, encoding='voc_colors', num_classes=num_classes),
    resize=dict(type=ResizeClip, short_side=224),
    crop=dict(type=CenterCrop, size=(224, 224)),
    pad_frames=dict(type=PadFrames, num_frames=10),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, sample_rate=16000, max_padding=1.0),
    load_labels=dict(type=LoadLabelMaps, encoding='voc_colors', num_classes=num_classes),
    resize=dict(type=ResizeClip, size=(224, 224)),
    pad_frames=dict(type=PadFrames, num_frames=10),
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
    batch_size=4,
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

val_evaluator = dict(type=AVSSMetric, protocol='official')
test_evaluator = dict(type=AVSSMetric, protocol='official')
