"""CAVIS offline, ResNet-50, YouTube-VIS 2021: 160,000 iterations of 8 clips of 15 frames.

No score of this row is published. Status: not run yet. Starts from
work_dirs/cavis_online_r50_youtube_vis_2021/iter_160000.pth.
Deviates from the authors:

- COCO images as clips, half of the published training clips, are left out.
- Training in float32, theirs in mixed precision.
- torch resizes the frames, Pillow theirs: mostly less than 1 in 500 values differs, by 1 of 255.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.youtube_vis_2021 import *
    from avis.configs._base_.iteration_runtime import *

    from ._base_.cavis_offline_r50 import *
    from ._base_.schedule import *

from cavis import SampleRun

train_dataloader.batch_size = 8
train_dataloader.dataset.pipeline.sample_frames = dict(
    type=SampleRun, num_frames=15, reverse_prob=0.5
)
train_dataloader.dataset.pipeline.load_audio = None
train_dataloader.dataset.pipeline.resize.short_side = (
    320, 352, 392, 416, 448, 480, 512, 544, 576, 608, 640
)  # fmt: skip
test_dataloader.dataset.pipeline.load_audio = None
test_dataloader.dataset.pipeline.load_frames.resize.short_side = 448
val_dataloader = None
val_evaluator = None
default_hooks.checkpoint.update(interval=5000, save_best=None)

load_from = 'work_dirs/cavis_online_r50_youtube_vis_2021/iter_160000.pth'
randomness.seed = 42
