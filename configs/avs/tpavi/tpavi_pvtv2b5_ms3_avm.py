"""TPAVI, PVTv2-B5, AVSBench MS3 with the audio-visual matching loss: batch 4, 30 epochs.

Target: mIoU 54.00, F .645. Status: not run yet. Deviates from the authors: nothing
intended.
"""

from mmengine.config import read_base

with read_base():
    from .tpavi_pvtv2b5_ms3 import *

from avis.models.losses.avm_loss import AVMLoss

model.loss_avm = dict(type=AVMLoss, distance='kl', reduction='sum', weight=0.5)
