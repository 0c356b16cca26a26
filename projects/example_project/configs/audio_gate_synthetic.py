"""The demo model with its fusion block replaced by the one of this project."""

from mmengine.config import read_base

with read_base():
    from ....configs.avs.demo_tpavi_synthetic import *

from projects.example_project.audio_gate import AudioGate

model.fusion = dict(type=AudioGate, channels=64, audio_dim=64)
