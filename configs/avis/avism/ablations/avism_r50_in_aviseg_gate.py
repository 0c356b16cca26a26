"""AVISM, ResNet-50, AVISeg, with a gate that learns in which frames an instance sounds.

Frames in which it is silent get no mask. Target: none published. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.aviseg import *
    from ...._base_.iteration_runtime import *
    from ...._base_.models.avism_r50 import *
    from ...._base_.schedules.adamw_48k import *

from avis.models import SoundingGate

model.sounding_gate = dict(
    type=SoundingGate, source='similarity', query_dim=256, audio_dim=audio_dim
)
