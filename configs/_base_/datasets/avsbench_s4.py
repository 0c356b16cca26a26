"""AVSBench S4, one sound source, 224 x 224: the protocol of the authors.

Batches as in the authors' scripts: 4 for training, 1 for model selection, 4 for the final test; F
depends on the last two. Other methods work at 512 x 512 on the same files:
`train_dataloader.dataset.pipeline.resize.size = (512, 512)`, likewise for val and test.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import AVSBenchS4
from avis.datasets.transforms import (
    LoadAudio,
    LoadFrames,
    LoadLabelMaps,
    PackAVInputs,
    ResizeClip,
)
from avis.evaluation import AVSMetric

dataset = dict(type=AVSBenchS4, data_root='data/avsbench_data/Single-source')

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
