"""What every run shares, for those that count iterations instead of epochs."""

from mmengine.config import read_base

with read_base():
    from .default_runtime import *

default_hooks.checkpoint.update(interval=4000, by_epoch=False, save_best='aviseg/HOTA')
log_processor.by_epoch = False
