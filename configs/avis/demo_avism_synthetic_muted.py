"""The demo model tested with the sound muted: what it sees without hearing."""

from mmengine.config import read_base

with read_base():
    from .demo_avism_synthetic import *

from avis.datasets.transforms.audio import MuteAudio

test_dataloader.dataset.pipeline = [*test_pipeline[:2], dict(type=MuteAudio), *test_pipeline[2:]]
