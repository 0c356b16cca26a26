"""The demo model with its fusion block replaced by the one of this project."""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.synthetic_ms3 import *
    from avis.configs._base_.default_runtime import *
    from avis.configs._base_.models.tpavi_small import *
    from avis.configs._base_.schedules.adam_linear_9e import *

from audio_gate import AudioGate

model.fusion = dict(type=AudioGate, channels=channels, audio_dim=channels)
