"""AVTracker without separation: the paper's Base (HOTA 28.85)."""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *
    from ..._base_.models.avtracker import *

model.speech.separator = None
