"""VITA, ResNet-50, AVISeg, 26 classes: 48,000 iterations of 8 clips of 5 frames.

Target: FSLA 38.04, HOTA 57.48, mAP 36.25. Status: not run yet. The paper on AVISeg states no
recipe for this row; frames, sizes and length here are those of AVISM, batch and learning rate those
of vita_r50_coco_youtube_vis_2019.py. Starts from vita_r50_coco.pth.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.aviseg import *

    from ._base_.vita_r50 import *
    from ._base_.schedule import *

from avis.engine import VideoValLoop

train_dataloader.batch_size = 8
train_dataloader.dataset.pipeline.load_audio = None
val_dataloader.dataset.pipeline.load_audio = None
test_dataloader.dataset.pipeline.load_audio = None
param_scheduler[0].milestones = [32000]
train_cfg.update(max_iters=48000, val_interval=4000)
val_cfg = dict(type=VideoValLoop)
default_hooks.checkpoint.update(interval=4000, save_best='aviseg/HOTA')

model.frame_head.num_classes = 26
model.frame_head.loss_set.num_classes = 26
model.tracker.head.num_classes = 26
model.tracker.loss_set.num_classes = 26

load_from = 'data/pretrained/vita_r50_coco.pth'
