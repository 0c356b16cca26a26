"""avtracker_offline with active speaker detection only: an error where it is not possible.

The weights of LR-ASD (`avis download lr_asd_ava`) and at least 8 frames per second are required.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *
    from ..._base_.models.avtracker_offline import *

model.grounding.fallback = None
