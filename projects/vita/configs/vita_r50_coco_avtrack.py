"""VITA, ResNet-50, tested on AVTrack: of the 40 classes of YouTube-VIS 2019, only persons count.

Target: HOTA 9.70, DetA 10.54, AssA 9.35. Which weights, classes and size of the frames
the paper used is unknown; here they are those of vita_r50_coco_youtube_vis_2019.py. Status: not run
yet.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avtrack import *
    from avis.configs._base_.iteration_runtime import *

    from ._base_.vita_r50 import *

from avis.engine import VideoTestLoop

test_dataloader.dataset.pipeline.load_audio = None
model.reported_classes = [0]  # person
test_cfg = dict(type=VideoTestLoop)
