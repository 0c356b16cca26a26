"""A small TPAVI trained from scratch on synthetic people and things, for two CPU cores.

Differs from the published recipe in the model (models/tpavi_small.py) and at 96 x 96 pixels.
"""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_ms3 import *
    from .._base_.default_runtime import *
    from .._base_.models.tpavi_small import *
    from .._base_.schedules.adam_linear_9e import *
