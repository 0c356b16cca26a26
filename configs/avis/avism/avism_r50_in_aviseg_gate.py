"""AVISM, ResNet-50, AVISeg, with a gate that learns in which frames an instance is heard.

A frame in which it is silent gets no mask. Target: none published. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from .avism_r50_in_aviseg import *

from avis.models.trackers.sounding_gate import SoundingGate

model.sounding_gate = dict(type=SoundingGate, source='similarity', query_dim=256, audio_dim=128)
