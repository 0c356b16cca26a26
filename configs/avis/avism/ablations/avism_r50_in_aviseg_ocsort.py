"""AVISM's frame head, ResNet-50, AVISeg, the boxes of its masks tracked by OC-SORT.

Only the frame head is trained. Target: none published. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.aviseg import *
    from ...._base_.iteration_runtime import *
    from ...._base_.models.avism_r50 import *
    from ...._base_.schedules.adamw_48k import *

from mmdet.models.task_modules.tracking import KalmanFilter
from mmdet.models.trackers import OCSORTTracker

from avis.models import BoxTracker

model.tracker = dict(
    type=BoxTracker,
    tracker=dict(type=OCSORTTracker, motion=dict(type=KalmanFilter), init_track_thr=0.5),
)
