"""AVISM's frame head, ResNet-50, AVISeg, the boxes of its masks followed by ByteTrack.

Only the frame head is trained. Target: none published. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from .avism_r50_in_aviseg import *

from mmdet.models.task_modules.tracking import KalmanFilter
from mmdet.models.trackers import ByteTracker

from avis.models.trackers.box_tracker import BoxTracker

model.tracker = dict(
    type=BoxTracker,
    tracker=dict(type=ByteTracker, motion=dict(type=KalmanFilter), init_track_thr=0.5),
)
