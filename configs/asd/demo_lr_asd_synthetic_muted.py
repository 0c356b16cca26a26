"""The demo model of active speaker detection tested with muted audio."""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_ava import *
    from .._base_.default_runtime import *
    from .._base_.models.lr_asd_small import *
    from .._base_.schedules.adamw_exponential_40e import *

from avis.datasets.transforms import MuteAudio

test_dataloader.dataset.pipeline.mute_audio = dict(type=MuteAudio)
