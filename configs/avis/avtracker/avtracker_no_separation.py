"""AVTracker without separation: the paper's Base (HOTA 28.85).

The authors' configuration agent=no_separation with model/vlm=qwen3vl_8b; their agent=base does
separate.
Status: not run on the real weights. Deviates from the authors: prompts in our own words and a
random state per message, so replies differ; details in configs/_base_/models/avtracker.py.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *
    from ..._base_.models.avtracker import *

model.speech.separator = None
