"""AVISM's frame head, ResNet-50, AVISeg, its masks matched by overlap and appearance, online.

Only the frame head is trained. Target: none published. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.aviseg import *
    from ...._base_.iteration_runtime import *
    from ...._base_.models.avism_r50 import *
    from ...._base_.schedules.adamw_48k import *

from avis.models import MaskOverlapTracker

model.tracker = dict(type=MaskOverlapTracker, min_similarity=0.5)
