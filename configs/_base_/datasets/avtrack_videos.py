"""AVTrack for a model that reads whole videos itself: frames and sound stay files until needed.

The truth is that of the benchmark, the merged gray images.
"""

from avis.datasets.avtrack import AVTrack
from avis.datasets.samplers.cost_sampler import CostSampler
from avis.datasets.transforms.tracks import LoadTracks
from avis.datasets.transforms.whole_video import OpenVideo, PackVideo
from avis.evaluation.metrics.track_metrics import AVTrackMetric

data_root = 'data/AVTrack'

test_pipeline = [
    dict(type=OpenVideo, sample_rate=16000),
    dict(type=LoadTracks, form='tracks'),
    dict(type=PackVideo),
]

# One process per GPU reads nothing ahead: a video is minutes of work.
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type=CostSampler),
    dataset=dict(type=AVTrack, data_root=data_root, pipeline=test_pipeline),
)
test_evaluator = dict(type=AVTrackMetric, protocol='official')
test_cfg = dict()

train_dataloader = None
val_dataloader = None
val_evaluator = None
