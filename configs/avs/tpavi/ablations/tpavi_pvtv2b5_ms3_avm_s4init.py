"""TPAVI, PVTv2-B5, MS3 with the matching loss, initialized with a model trained on S4.

Target: none verified, see the note in metafile.yml. Status: not run yet. Train
tpavi_pvtv2b5_s4 first, or convert the official weights with
`tools/model_converters/convert_checkpoint.py avsbench`.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.avsbench_ms3 import *
    from ...._base_.default_runtime import *
    from ...._base_.models.tpavi_pvtv2b5 import *
    from ...._base_.schedules.adam import *

from avis.models import AVMLoss

model.loss_avm = dict(type=AVMLoss, distance='kl', reduction='sum', weight=0.5)
train_cfg.max_epochs = 30
load_from = 'data/pretrained/tpavi_pvtv2b5_s4.pth'
