"""AVTracker's Base with the 4B model: row M2 (HOTA 24.47).

The ablation of models starts from Base, which does not separate. For row M3 (both small, 24.01):
``--cfg-options model.speech.recognizer.model=openai/whisper-small``.
"""

from mmengine.config import read_base

with read_base():
    from .avtracker import *

vlm.model = 'Qwen/Qwen3-VL-4B-Instruct'

model.speech.separator = None
model.grounding.model = vlm
model.identity.model = vlm
