"""AVISM, ResNet-50, AVISeg, without audio in the frame head and in the clip head.

Target: none published for exactly this ablation. Status: not run yet. The audio files are still
read, and not used.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.aviseg import *
    from ...._base_.iteration_runtime import *
    from ...._base_.models.avism_r50 import *
    from ...._base_.schedules.adamw_48k import *

from avis.models import Mask2FormerFrameHead

model.frame_head = dict(
    type=Mask2FormerFrameHead,
    num_classes=num_classes,
    num_queries=num_queries,
    pixel_decoder=pixel_decoder,
    loss_set=loss_set,
)
model.tracker.head.audio_dim = None
