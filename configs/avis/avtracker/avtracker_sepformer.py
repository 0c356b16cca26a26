"""AVTracker with SepFormer in place of MossFormer2: row S1 (HOTA 28.41).

The official code does not contain it; the weights are those of WSJ0-2mix, and those of the paper
are not known.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *
    from ..._base_.models.avtracker import *

from avis.avtracker import SepFormer

model.speech.separator = dict(type=SepFormer, model='speechbrain/sepformer-wsj02mix')
