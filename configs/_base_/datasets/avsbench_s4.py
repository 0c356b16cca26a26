"""AVSBench S4, single sources, 224 x 224: the authors' protocol.

Batches as in the authors' scripts: 4 for training, 1 for model selection, 4 for the final test; F
depends on the last two. Their other protocol works at 512 x 512 on the same files:
`train_dataloader.dataset.pipeline[3].size = (512, 512)`, likewise for val and test.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets.avsbench import AVSBenchS4
from avis.datasets.transforms.geometry import ResizeClip
from avis.datasets.transforms.loading import LoadFrames, LoadLabelMaps
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.audio import LoadAudio
from avis.evaluation.metrics.avs_metric import AVSMetric

data_root = 'data/avsbench_data/Single-source'

pipeline = [
    dict(type=LoadFrames),
    # For audio='wav': some clips end early, the released log-mel repeats their last second.
    dict(type=LoadAudio, sample_rate=16000, max_padding=1.0),
    dict(type=LoadLabelMaps, encoding='binary'),
    dict(type=ResizeClip, size=(224, 224)),
    dict(type=PackAVInputs),
]

train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=True),
    dataset=dict(type=AVSBenchS4, data_root=data_root, split='train', pipeline=pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(type=AVSBenchS4, data_root=data_root, split='val', pipeline=pipeline),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(type=AVSBenchS4, data_root=data_root, split='test', pipeline=pipeline),
)

val_evaluator = dict(type=AVSMetric, protocol='official', batch_size=1)
test_evaluator = dict(type=AVSMetric, protocol='official', batch_size=4)
