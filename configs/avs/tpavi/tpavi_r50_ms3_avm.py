"""TPAVI, ResNet-50, AVSBench MS3 with the audio-visual matching loss: batch 4, 30 epochs.

Target: mIoU 47.88, F .578. Status: not run yet. Deviates from the authors: nothing
intended.
"""

from mmengine.config import read_base

with read_base():
    from .tpavi_r50_ms3 import *

from avis.models.losses.avm_loss import AVMLoss

model.loss_avm = dict(type=AVMLoss, distance='kl', reduction='sum', weight=0.5)
