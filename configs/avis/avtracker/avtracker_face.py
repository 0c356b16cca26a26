"""AVTracker with identity association by faces instead of the VLM: row M4 (HOTA 23.62).

Facenet512 and RetinaFace of DeepFace, as in the official code. There this variant also has no
source separation, ``model.speech.separator = None``.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *
    from ..._base_.models.avtracker import *

from avis.avtracker import DeepFaceEncoder, FaceIdentity

model.identity = dict(type=FaceIdentity, encoder=dict(type=DeepFaceEncoder))
