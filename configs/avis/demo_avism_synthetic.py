"""A small AVISM trained from scratch on synthetic people who talk, for two CPU cores: `make demo`.

Differs from the published recipe in the model (models/avism_small.py) and at 64 x 128 pixels.
"""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_aviseg import *
    from .._base_.iteration_runtime import *
    from .._base_.models.avism_small import *
    from .._base_.schedules.adamw_linear_1400 import *

default_hooks.checkpoint.update(interval=350, save_best='aviseg_corrected/HOTA')
