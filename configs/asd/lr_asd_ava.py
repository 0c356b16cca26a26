"""LR-ASD, AVA-ActiveSpeaker: faces of 112 x 112, batches of 2000 frames, 40 epochs.

Target: mAP 94.45. Status: not run yet; the published weights reproduce all recorded values.
Deviates from the authors: the best epoch on the validation split is kept beside the last ones.
"""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.ava import *
    from .._base_.default_runtime import *
    from .._base_.models.lr_asd import *
    from .._base_.schedules.adamw_exponential_40e import *

default_hooks.checkpoint.save_best = 'ava/average_precision'
