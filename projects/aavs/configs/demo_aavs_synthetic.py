"""A small AAVS trained from scratch on synthetic people and things, for two CPU cores.

Differs from the published recipe in the model (_base_/aavs_small.py), all of whose parameters are
trained at once, and at 96 x 96 pixels.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.synthetic_ms3 import *
    from avis.configs._base_.default_runtime import *
    from avis.configs._base_.schedules.adam_linear_9e import *

    from ._base_.aavs_small import *
