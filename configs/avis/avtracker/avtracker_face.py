"""AVTracker with identity association by faces instead of the VLM: row M4 (HOTA 23.62).

Facenet512 and RetinaFace of DeepFace. As in the authors' code there is no separation, and the whole
image is encoded where no face is detected.
Status: not run on the real weights. Deviates from the authors: key frames are not compressed to
JPEG files first, which changes embeddings slightly; prompts in our own words and a random state per
message, so replies differ; details in configs/_base_/models/avtracker.py.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *
    from ..._base_.models.avtracker import *

from avis.avtracker import DeepFaceEncoder, FaceIdentity

model.speech.separator = None
model.identity = dict(type=FaceIdentity, encoder=dict(type=DeepFaceEncoder, whole_image=True))
