"""ACVIS, ResNet-50, started from VITA trained on COCO, AVISeg: 48,000 iterations.

Target: FSLA 46.72, HOTA 65.02, mAP 46.64. Status: not run yet. Train it in two processes, see
acvis_r50_in_aviseg.py. Starts from the public vita_r50_coco.pth of VITA, converted by
`avis convert avism`; the modules for audio and the count, which VITA does not have, and the class
layers are initialized at random.
"""

from mmengine.config import read_base

with read_base():
    from ._base_.acvis_r50 import *

model.backbone.init_cfg = None
load_from = 'data/pretrained/vita_r50_coco.pth'
