"""EZ-VSL trained on 10,000 clips of VGG-Sound, VGG-SS.

Target: cIoU 37.18, AUC 38.75. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.vggss import *
    from avis.configs._base_.default_runtime import *

    from ._base_.adam_20e import *
    from ._base_.ez_vsl_r18 import *

train_dataloader.dataset.ann_file = 'vggss_10k.txt'
train_cfg.max_epochs = 100
default_hooks.checkpoint.save_best = 'vggss/cIoU@0.5'
