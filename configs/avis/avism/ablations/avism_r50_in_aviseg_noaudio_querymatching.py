"""Plain Mask2Former on frames, ResNet-50, AVISeg, its queries matched by embedding, as in MinVIS.

Late instances keep their class. Target: none published on AVISeg. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.aviseg import *
    from ...._base_.iteration_runtime import *
    from ...._base_.models.avism_r50 import *
    from ...._base_.schedules.adamw_48k import *

from avis.models import Mask2FormerFrameHead, QueryMatchingTracker

model.frame_head = dict(
    type=Mask2FormerFrameHead,
    num_classes=num_classes,
    num_queries=num_queries,
    pixel_decoder=pixel_decoder,
    loss_set=loss_set,
)
model.tracker = dict(type=QueryMatchingTracker, min_similarity=0.8)
model.late_as_no_object = False
