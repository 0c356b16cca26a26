"""AVSBench MS3, several sound sources, 224 x 224: the protocol of avsbench_s4.py."""

from mmengine.dataset import DefaultSampler

from avis.datasets import AVSBenchMS3
from avis.datasets.transforms import (
    LoadAudio,
    LoadFrames,
    LoadLabelMaps,
    PackAVInputs,
    ResizeClip,
)
from avis.evaluation import AVSMetric

dataset = dict(type=AVSBenchMS3, data_root='data/avsbench_data/Multi-sources')

pipeline = dict(
    load_frames=dict(type=LoadFrames),
    # For audio='wav', as the official log-mel files were made. Some files end before their clip;
    # VGGish repeats their last example. An audio encoder other than VGGish needs silence instead:
    # max_padding=1.0, or more if files are shorter.
    load_audio=dict(type=LoadAudio, sample_rate=16000, max_padding=None, resampling='kaiser_best'),
    load_labels=dict(type=LoadLabelMaps, encoding='binary'),
    resize=dict(type=ResizeClip, size=(224, 224)),
    pack=dict(type=PackAVInputs),
)

train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=True),
    dataset=dict(**dataset, split='train', pipeline=pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='val', pipeline=pipeline),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='test', pipeline=pipeline),
)

val_evaluator = dict(type=AVSMetric, protocol='official', batch_size=1)
test_evaluator = dict(type=AVSMetric, protocol='official', batch_size=4)
