"""AVTracker's Base with the 4B model: row M2 (HOTA 24.47).

The ablation of models starts from Base, which does not separate. The 4B model is the default of the
authors' code.
Status: not run on the real weights. Deviates from the authors: prompts in our own words and a
random state per message, so replies differ; details in configs/_base_/models/avtracker.py.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *
    from ..._base_.models.avtracker import *

model.speech.separator = None

vlm.model = 'Qwen/Qwen3-VL-4B-Instruct'
model.grounding.model = vlm
model.identity.model = vlm
