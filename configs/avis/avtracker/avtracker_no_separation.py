"""AVTracker without separation: the paper's Base (HOTA 28.85)."""

from mmengine.config import read_base

with read_base():
    from .avtracker import *

model.speech.separator = None
