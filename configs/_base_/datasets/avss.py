"""AVSBench-semantic, 71 classes, 10 frames, 224 x 224: the authors' protocol.

Training cuts the middle out of the frame, testing squeezes the whole frame; clips of 5 frames are
filled up with black ones. Batches of 4 everywhere.
"""

from mmengine.config import read_base

with read_base():
    from .avsbench_s4 import *

from avis.datasets.avsbench import AVSBenchSemantic
from avis.datasets.transforms.geometry import CenterCrop, ResizeClip
from avis.datasets.transforms.loading import LoadFrames, LoadLabelMaps
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.sampling import PadFrames
from avis.datasets.transforms.audio import LoadAudio
from avis.evaluation.metrics.avss_metric import AVSSMetric

data_root = 'data/AVSBench_semantic'

train_pipeline = [
    dict(type=LoadFrames),
    # Some sounds end before their clip, by up to a second.
    dict(type=LoadAudio, sample_rate=16000, max_padding=1.0),
    dict(type=LoadLabelMaps, encoding='voc_colors', num_classes=71),
    dict(type=ResizeClip, short_side=224),
    dict(type=CenterCrop, size=(224, 224)),
    dict(type=PadFrames, num_frames=10),
    dict(type=PackAVInputs),
]
test_pipeline = [
    dict(type=LoadFrames),
    dict(type=LoadAudio, sample_rate=16000, max_padding=1.0),
    dict(type=LoadLabelMaps, encoding='voc_colors', num_classes=71),
    dict(type=ResizeClip, size=(224, 224)),
    dict(type=PadFrames, num_frames=10),
    dict(type=PackAVInputs),
]

data = dict(type=AVSBenchSemantic, data_root=data_root)
train_dataloader.dataset.update(data, pipeline=train_pipeline)
val_dataloader.update(batch_size=4)
val_dataloader.dataset.update(data, pipeline=test_pipeline)
test_dataloader.dataset.update(data, pipeline=test_pipeline)

val_evaluator = dict(type=AVSSMetric, protocol='official')
test_evaluator = dict(type=AVSSMetric, protocol='official')
