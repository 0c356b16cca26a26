"""EZ-VSL trained on 110 classes of VGG-Sound, the clips of VGG-SS of these classes.

Target: cIoU 37.25, AUC 38.97. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.vggss import *
    from avis.configs._base_.default_runtime import *

    from ._base_.adam_20e import *
    from ._base_.ez_vsl_r18 import *

train_dataloader.dataset.ann_file = 'vggss_heard.txt'
test_dataloader.dataset.split = 'heard'
val_dataloader = test_dataloader
default_hooks.checkpoint.save_best = 'vggss/cIoU@0.5'
