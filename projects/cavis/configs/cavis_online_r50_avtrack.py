"""CAVIS online, ResNet-50, tested on AVTrack: of the 40 classes of YouTube-VIS 2019, only persons.

Target: HOTA 11.46. Which weights, classes and size of the frames the paper used is unknown; here
they are those of cavis_online_r50_youtube_vis_2019.py. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avtrack import *
    from avis.configs._base_.iteration_runtime import *

    from ._base_.cavis_online_r50 import *

from avis.engine import VideoTestLoop

model.reported_classes = [0]  # person
test_dataloader.dataset.pipeline.load_audio = None
test_dataloader.dataset.pipeline.load_frames.resize.short_side = 448
test_cfg = dict(type=VideoTestLoop)
randomness.seed = 42
