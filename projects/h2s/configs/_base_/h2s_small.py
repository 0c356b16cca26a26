"""A small H2S without pretrained weights, for two CPU cores.

Differs from the published model as avism_small.py of avis does from AVISM: one audio stream, from
an audio network trained from scratch; seeded clusters and no fillers.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.models.avism_small import *

from h2s import H2SClipHead, H2SFrameHead, H2SPixelDecoder

model.frame_head.pop('audio_fusion')
model.frame_head.update(type=H2SFrameHead, audio_dim=channels, cluster_seed=0, count_fillers=False)
model.frame_head.pixel_decoder.update(type=H2SPixelDecoder, audio_dim=channels)
model.tracker.head.update(type=H2SClipHead, num_modulator_layers=2)
