"""AVTracker, the full method: the published headline (HOTA 29.08), row S2 of the ablation.

Needs the weights of Whisper large v3 turbo, MossFormer2, ECAPA, SAM 3 and Qwen3-VL 8B, and a GPU
with 40 GB. Status: not run on the real weights.
Deviates from the authors: the corrected protocol; set ``model.protocol = 'official'`` for theirs.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *
    from ..._base_.models.avtracker import *
