"""EZ-VSL trained on all of VGG-Sound, VGG-SS.

Target: cIoU 39.34, AUC 39.78. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.vggss import *
    from avis.configs._base_.default_runtime import *

    from ._base_.adam_20e import *
    from ._base_.ez_vsl_r18 import *

train_dataloader.dataset.ann_file = ''  # every frame with audio
default_hooks.checkpoint.save_best = 'vggss/cIoU@0.5'
