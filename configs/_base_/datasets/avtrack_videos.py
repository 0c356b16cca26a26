"""AVTrack for a model that reads whole videos itself: frames and audio are decoded when needed.

The ground truth is that of the benchmark, the merged gray images.
"""

from avis.datasets import AVTrack, CostSampler
from avis.datasets.transforms import LoadTracks, OpenVideo, PackVideo
from avis.evaluation import AVTrackMetric

test_pipeline = dict(
    open_video=dict(type=OpenVideo, sample_rate=16000),
    load_labels=dict(type=LoadTracks, form='tracks'),
    pack=dict(type=PackVideo),
)

# One process per GPU, without prefetching: one video takes minutes.
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type=CostSampler),
    dataset=dict(type=AVTrack, data_root='data/AVTrack', pipeline=test_pipeline),
)
test_evaluator = dict(type=AVTrackMetric, protocol='official')
test_cfg = dict()

train_dataloader = None
val_dataloader = None
val_evaluator = None
