"""The demo model of text tested without text: what it segments from frames and audio alone."""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.synthetic_refavs import *
    from .._base_.default_runtime import *
    from .._base_.models.text_tpavi_small import *
    from .._base_.schedules.adam_linear_9e import *

from avis.datasets.transforms import BlankExpression

test_dataloader.dataset.pipeline.blank_expression = dict(type=BlankExpression)
