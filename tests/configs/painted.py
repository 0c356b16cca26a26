"""The test of painted videos in windows; see tests/helpers/painted.py.

The tracker forgets too early, so that the scores are not perfect.
"""

from mmengine.config import read_base

with read_base():
    from ...configs._base_.default_runtime import *

from avis.datasets.aviseg import AVISeg
from avis.datasets.transforms.loading import LoadFrames
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.tracks import LoadTracks
from avis.engine.loops import VideoTestLoop
from avis.evaluation.metrics.track_metrics import AVISegMetric
from avis.models.trackers.mask_overlap_tracker import MaskOverlapTracker
from tests.helpers.painted import PaintedModel

model = dict(type=PaintedModel, tracker=dict(type=MaskOverlapTracker, max_age=2))
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=AVISeg,
        split='test',
        data_root='data/painted',
        pipeline=[
            dict(type=LoadFrames),
            dict(type=LoadAudio, sample_rate=1600),
            dict(type=LoadTracks, form='tracks'),
            dict(type=PackAVInputs),
        ],
    ),
)
test_evaluator = [dict(type=AVISegMetric), dict(type=AVISegMetric, protocol='corrected')]
test_cfg = dict(type=VideoTestLoop, size=5, overlap=2)
