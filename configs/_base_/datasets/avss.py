"""AVSBench-semantic, 71 classes, 10 frames, 224 x 224: the protocol of the authors.

Training crops the center of the frame, testing resizes the whole frame to a square; clips of 5
frames are padded with frames that are zero after normalization. Batches of 4 everywhere.

Waveforms keep the length of their file: VGGish with `framing='clip_zeros'` replaces what is missing
by zeros of log-mel, as the authors did. An audio encoder other than VGGish needs silence instead:
`max_padding=1.0` (or more if files are shorter) in `load_audio` and `pad_waveform=True` in
`pad_frames`.
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

load_audio = dict(type=LoadAudio, sample_rate=16000, max_padding=None, resampling='kaiser_best')
pad_frames = dict(type=PadFrames, num_frames=10, pad_waveform=False)

train_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=load_audio,
    load_labels=dict(type=LoadLabelMaps, encoding='voc_colors', num_classes=num_classes),
    resize=dict(type=ResizeClip, short_side=224),
    crop=dict(type=CenterCrop, size=(224, 224)),
    pad_frames=pad_frames,
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(type=LoadFrames),
    load_audio=load_audio,
    load_labels=dict(type=LoadLabelMaps, encoding='voc_colors', num_classes=num_classes),
    resize=dict(type=ResizeClip, size=(224, 224)),
    pad_frames=pad_frames,
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
