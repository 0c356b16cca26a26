"""The demo model tested with muted audio: what it segments from the frames alone."""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_ms3 import *
    from .._base_.default_runtime import *
    from .._base_.models.tpavi_small import *
    from .._base_.schedules.adam_linear_9e import *

from avis.datasets.transforms import MuteAudio

test_dataloader.dataset.pipeline.mute_audio = dict(type=MuteAudio)
