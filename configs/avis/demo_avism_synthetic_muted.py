"""The demo model tested with muted audio: what it tracks from the frames alone."""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_aviseg import *
    from .._base_.iteration_runtime import *
    from .._base_.models.avism_small import *
    from .._base_.schedules.adamw_linear_1400 import *

from avis.datasets.transforms import MuteAudio

default_hooks.checkpoint.update(interval=350, save_best='aviseg_corrected/HOTA')
test_dataloader.dataset.pipeline.mute_audio = dict(type=MuteAudio)
