"""EZ-VSL trained on 110 classes of VGG-Sound, the clips of VGG-SS of 110 other classes.

Target: cIoU 39.57, AUC 39.60. Status: not run yet. Deviates from the authors: nothing intended.
"""

from mmengine.config import read_base

with read_base():
    from .ez_vsl_r18_vggsound_heard import *

test_dataloader.dataset.split = 'unheard'
val_dataloader = test_dataloader
