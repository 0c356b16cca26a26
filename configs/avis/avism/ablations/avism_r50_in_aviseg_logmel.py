"""AVISM, ResNet-50, AVISeg, with a small audio network trained from scratch instead of VGGish.

Target: none published. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.aviseg import *
    from ...._base_.iteration_runtime import *
    from ...._base_.models.avism_r50 import *
    from ...._base_.schedules.adamw_48k import *

from avis.datasets.transforms import LoadAudio
from avis.models import LogMelCNN

# The rate of the files. Some audio files end before their last frame and are padded with silence.
sample_rate = 44100
load_waveform = dict(type=LoadAudio, source='audio', sample_rate=sample_rate, max_padding=1.0)
train_dataloader.dataset.pipeline.load_audio = load_waveform
val_dataloader.dataset.pipeline.load_audio = load_waveform
test_dataloader.dataset.pipeline.load_audio = load_waveform

model.audio_encoder = dict(
    type=LogMelCNN, out_channels=audio_dim, sample_rate=sample_rate, seconds_per_frame=1.0
)
