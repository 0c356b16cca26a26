"""A small ACVIS trained from scratch on synthetic people who talk, for two CPU cores.

The demo of AVISM in avis (configs/avis/demo_avism_synthetic.py) with the frame head of ACVIS; the
audio network is trained, too, and its embeddings are not quantized.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.synthetic_aviseg import *
    from avis.configs._base_.iteration_runtime import *
    from avis.configs._base_.models.avism_small import *
    from avis.configs._base_.schedules.adamw_linear_1400 import *

from acvis import ACVISFrameHead, AudioCentricQueries, OrdinalCountLoss

default_hooks.checkpoint.update(interval=350, save_best='aviseg_corrected/HOTA')

model.frame_head.type = ACVISFrameHead
model.frame_head.pop('audio_fusion')
model.frame_head.query_generation = dict(
    type=AudioCentricQueries, channels=channels, audio_dim=channels
)
model.frame_head.loss_count = dict(type=OrdinalCountLoss)
