"""AVISeg with the wave instead of embeddings, for an audio encoder that runs with the model.

At 44.1 kHz, the rate of the files, so that `VGGish(framing='per_second', sample_rate=44100)` makes
the published embeddings. Some sounds end before their last frame; the rest is silence.
"""

from mmengine.config import read_base

with read_base():
    from .aviseg import *

from avis.datasets.transforms.audio import LoadAudio

wave = dict(type=LoadAudio, source='audio', sample_rate=44100, max_padding=1.0)
train_pipeline[2] = wave
test_pipeline[1] = wave
train_dataloader.dataset.pipeline = train_pipeline
val_dataloader.dataset.pipeline = test_pipeline
test_dataloader.dataset.pipeline = test_pipeline
