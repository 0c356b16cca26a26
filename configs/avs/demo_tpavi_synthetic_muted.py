"""The demo model tested with the sound muted: what it sees without hearing."""

from mmengine.config import read_base

with read_base():
    from .demo_tpavi_synthetic import *

from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.audio import MuteAudio

test_dataloader.dataset.pipeline = [*load, dict(type=MuteAudio), dict(type=PackAVInputs)]
