"""A small CAVIS segmenter on synthetic people, for two CPU cores; see _base_/cavis_small.py."""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.synthetic_aviseg import *
    from avis.configs._base_.iteration_runtime import *
    from avis.configs._base_.schedules.adamw_linear_1400 import *

    from ._base_.cavis_small import *


for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.dataset.pipeline.load_audio = None
default_hooks.checkpoint.update(interval=350, save_best='aviseg_corrected/HOTA')
