"""ACVIS, ResNet-50, trained on AVISeg and tested on AVTrack: of its 26 classes, only persons count.

Target: HOTA 20.60 (the paper does not state the training data of this row). Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avtrack import *
    from ._base_.acvis_r50 import load_waveform, model
    from avis.configs._base_.iteration_runtime import *

from avis.engine import VideoTestLoop

model.reported_classes = [0]  # person
test_dataloader.dataset.pipeline.load_audio = load_waveform
test_cfg = dict(type=VideoTestLoop)
