"""AVISM, ResNet-50, AVISeg, with VGGish run on the waves: the published embeddings, none stored.

Target: that of avism_r50_in_aviseg.py, from the same numbers. Status: not run yet. Weights of
VGGish are made by `convert_checkpoint.py vggish`; they stay as they are.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.aviseg_wav import *
    from ..._base_.iteration_runtime import *
    from ..._base_.models.avism_r50 import *
    from ..._base_.schedules.adamw_48k import *

from avis.models.audio_encoders.vggish import VGGish

model.audio_encoder = dict(
    type=VGGish, framing='per_second', sample_rate=44100, weights='data/pretrained/vggish.pth'
)
