"""The demo model of text tested with muted audio: what it segments from frames and text alone."""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_refavs import *
    from .._base_.default_runtime import *
    from .._base_.models.text_tpavi_small import *
    from .._base_.schedules.adam_linear_9e import *

from avis.datasets.transforms import MuteAudio

test_dataloader.dataset.pipeline.mute_audio = dict(type=MuteAudio)
