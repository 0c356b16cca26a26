"""AVTracker without merging of the segments of one speaker: row C1 (HOTA 16.88).

The paper probably ran this row with the small models: see avtracker_whisper_small.py and
avtracker_qwen4b.py.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *
    from ..._base_.models.avtracker import *

model.speech.encoder = None
