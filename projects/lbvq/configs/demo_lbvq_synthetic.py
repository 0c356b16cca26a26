"""A small LBVQ trained from scratch on synthetic people who talk, for two CPU cores.

The demo of AVISM in avis (configs/avis/demo_avism_synthetic.py) without audio, with the clip module
of LBVQ: same data, schedule and sizes. All candidates are kept, as published, and none is dropped
in silent frames.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.synthetic_aviseg import *
    from avis.configs._base_.iteration_runtime import *
    from avis.configs._base_.models.avism_small import *
    from avis.configs._base_.schedules.adamw_linear_1400 import *

from avis.models import Mask2FormerFrameHead
from lbvq import LBVQClipHead

train_dataloader.dataset.pipeline.load_audio = None
val_dataloader.dataset.pipeline.load_audio = None
test_dataloader.dataset.pipeline.load_audio = None
default_hooks.checkpoint.update(interval=350, save_best='aviseg_corrected/HOTA')

model.audio_encoder = None
model.sounding_gate = None
model.frame_head.type = Mask2FormerFrameHead
model.frame_head.pop('audio_fusion')
model.tracker.update(method='lbvq', max_candidates=10, score_threshold=-1.0)
model.tracker.head = dict(
    type=LBVQClipHead,
    num_classes=num_classes,
    num_queries=num_queries,
    channels=channels,
    hidden_channels=hidden_channels,
    num_decoder_layers=2,
)
model.tracker.loss_similarity.weight = 0.5
