"""Faces of a video and when each speaks audibly: LR-ASD on MediaPipe's faces.

    avis download lr_asd_ava
    avis infer lr_asd_faces none talk.mp4 --out results

The weights are those of AVA-ActiveSpeaker, which read the whole box of a face. There is neither
speech recognition nor identity; avtracker_offline has both.
"""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.avtrack_videos import *
    from .._base_.default_runtime import *
    from .._base_.models.lr_asd import *

from avis.avtracker import ActiveSpeakerScorer, ActiveSpeakerTracker, BlazeFace, FaceTracker

model = dict(
    type=ActiveSpeakerTracker,
    face_tracker=dict(type=FaceTracker, detector=dict(type=BlazeFace)),
    scorer=dict(type=ActiveSpeakerScorer, model=model, weights='data/pretrained/lr_asd_ava.pth'),
)
