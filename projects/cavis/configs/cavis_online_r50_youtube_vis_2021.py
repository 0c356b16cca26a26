"""CAVIS online, ResNet-50, YouTube-VIS 2021: 160,000 iterations of 8 clips of 5 frames.

No score of this row is published. Status: not run yet. Starts from
work_dirs/cavis_segmenter_r50_youtube_vis_2021/iter_40000.pth.
Deviates from the authors:

- Training in float32, theirs in mixed precision.
- torch resizes the frames, Pillow theirs: mostly less than 1 in 500 values differs, by 1 of 255.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.youtube_vis_2021 import *

    from ._base_.cavis_online_r50 import *
    from ._base_.schedule import *

from cavis import SampleRun

for part in train_dataloader.dataset.datasets.values():
    part.pipeline.sample_frames = dict(type=SampleRun, num_frames=5)
    part.pipeline.resize.short_side = short_sides
train_dataloader.dataset.shares.videos = 1.0
test_dataloader.dataset.pipeline.load_frames.resize.short_side = 448

load_from = 'work_dirs/cavis_segmenter_r50_youtube_vis_2021/iter_40000.pth'
