"""CAVIS segmenter, ResNet-50, YouTube-VIS 2019: 40,000 iterations of 8 clips of 3 frames.

No score of this row is published. Status: not run yet. Starts from
data/pretrained/mask2former_r50_coco.pth.
Deviates from the authors:

- COCO images as clips, half of the published training clips, are left out.
- Training in float32, theirs in mixed precision.
- torch resizes the frames, Pillow theirs: mostly less than 1 in 500 values differs, by 1 of 255.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.youtube_vis_2019 import *
    from avis.configs._base_.iteration_runtime import *

    from ._base_.cavis_segmenter_r50 import *
    from ._base_.schedule import *

from avis.datasets.transforms import SampleAroundReference

train_dataloader.batch_size = 8
train_dataloader.dataset.pipeline.sample_frames = dict(
    type=SampleAroundReference, num_frames=3, max_distance=2, replace=True
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

train_cfg.max_iters = 40000
param_scheduler[0].milestones = [28000]

load_from = 'data/pretrained/mask2former_r50_coco.pth'
randomness.seed = 42
