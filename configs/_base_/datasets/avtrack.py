"""AVTrack, sounding persons over about 54 frames at 1 fps; there is nothing to train on.

The truth is that of the benchmark, the merged gray images. Whole videos, short side 360; sound as
one VGGish embedding per second, as in aviseg.py.
"""

from mmengine.config import read_base

with read_base():
    from .aviseg import *

from avis.datasets.avtrack import AVTrack
from avis.evaluation.metrics.track_metrics import AVTrackMetric

data_root = 'data/AVTrack'

train_dataloader = None
val_dataloader = None
test_dataloader.dataset = dict(type=AVTrack, data_root=data_root, pipeline=test_pipeline)

val_evaluator = None
test_evaluator = dict(type=AVTrackMetric, protocol='official')
