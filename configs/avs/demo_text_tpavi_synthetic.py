"""A small TPAVI that reads text, trained from scratch on synthetic expressions, for two CPU cores.

Three frames of 32 x 32 per clip. The data are made with `--layout refavs --identities 4`, see
docs/referring.md.
"""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_refavs import *
    from .._base_.default_runtime import *
    from .._base_.models.text_tpavi_small import *
    from .._base_.schedules.adam_linear_9e import *

default_hooks.checkpoint.save_best = 'ref_avs_corrected/J'
