"""A small COMBO trained from scratch on synthetic people and things, for two CPU cores.

Differs from the published recipe in the model (_base_/combo_small.py), at 96 x 96 pixels, and in
the prior images, which are regions of similar color. Each query knows the audio of its own frame.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.synthetic_ms3 import *
    from avis.configs._base_.default_runtime import *
    from avis.configs._base_.schedules.adam_linear_9e import *

    from ._base_.combo_small import *

from combo import LoadPriorImages

for loader in (train_dataloader, val_dataloader, test_dataloader):
    steps = loader.dataset.pipeline
    load_frames = steps.pop('load_frames')
    load_priors = dict(type=LoadPriorImages, generator='regions')
    loader.dataset.pipeline = dict(load_frames=load_frames, load_priors=load_priors, **steps)
model.frame_head.mixed_audio = False
