"""A small H2S trained from scratch on synthetic people who talk, for two CPU cores.

Differs from the published recipe in the model (_base_/h2s_small.py) and at 64 x 128 pixels.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.synthetic_aviseg import *
    from avis.configs._base_.iteration_runtime import *
    from avis.configs._base_.schedules.adamw_linear_1400 import *

    from ._base_.h2s_small import *

default_hooks.checkpoint.update(interval=350, save_best='aviseg_corrected/HOTA')
