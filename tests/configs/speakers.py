"""The tiny set of colored speakers through a whole test run."""

from mmengine.config import read_base

with read_base():
    from ...configs._base_.default_runtime import *

from mmengine.runner import TestLoop

from avis.datasets.samplers.cost_sampler import CostSampler
from avis.datasets.transforms.whole_video import OpenVideo, PackVideo
from avis.evaluation.metrics.track_metrics import AVTrackMetric
from tests.helpers.tracker_set import ColoredVideos, tracker_in

model = dict(type=tracker_in, folder='')
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=False,
    dataset=dict(
        type=ColoredVideos,
        data_root='',
        pipeline=dict(open_video=dict(type=OpenVideo), pack=dict(type=PackVideo)),
    ),
    sampler=dict(type=CostSampler),
)
test_evaluator = dict(type=AVTrackMetric, protocol='official', out='')
test_cfg = dict(type=TestLoop)
