"""AVISM, ResNet-50, AVISeg, with a small audio network that is trained along instead of VGGish.

Target: none published. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.aviseg_wav import *
    from ..._base_.iteration_runtime import *
    from ..._base_.models.avism_r50 import *
    from ..._base_.schedules.adamw_48k import *

from avis.models.audio_encoders.log_mel_cnn import LogMelCNN

model.audio_encoder = dict(
    type=LogMelCNN, out_channels=128, sample_rate=44100, seconds_per_frame=1.0
)
