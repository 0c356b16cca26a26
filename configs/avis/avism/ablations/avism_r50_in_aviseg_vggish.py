"""AVISM, ResNet-50, AVISeg, with VGGish run on the waveforms: the published embeddings, not stored.

Target: that of avism_r50_in_aviseg.py, which reads the same values. Status: not run yet. The
weights of VGGish are made by `convert_checkpoint.py vggish` and stay frozen.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.aviseg import *
    from ...._base_.iteration_runtime import *
    from ...._base_.models.avism_r50 import *
    from ...._base_.schedules.adamw_48k import *

from avis.datasets.transforms import LoadAudio
from avis.models import VGGish

# The rate of the files, for which VGGish makes the published embeddings. Some audio files end
# before their last frame and are padded with silence.
sample_rate = 44100
load_waveform = dict(type=LoadAudio, source='audio', sample_rate=sample_rate, max_padding=1.0)
train_dataloader.dataset.pipeline.load_audio = load_waveform
val_dataloader.dataset.pipeline.load_audio = load_waveform
test_dataloader.dataset.pipeline.load_audio = load_waveform

model.audio_encoder = dict(
    type=VGGish,
    framing='per_second',
    sample_rate=sample_rate,
    weights='data/pretrained/vggish.pth',
)
