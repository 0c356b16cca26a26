"""AVTracker on a laptop, without a hub: every weight comes inside a package.

WebRTC's detector and Resemblyzer hear who speaks when, MediaPipe's networks see faces, bodies and
mouths; a voice belongs to the mouth that is open while it is heard. No words, no language model.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *

from avis.avtracker import (
    AVTracker,
    FaceGuidedTracker,
    FaceMeshMouthMotion,
    JointIdentity,
    MouthMotionGrounding,
    ObjectIdentity,
    Resemblyzer,
    SpeakerDiarization,
    SpeakerIdentity,
    SpeechStage,
    WebRTCVAD,
)

voices = dict(type=Resemblyzer)

model = dict(
    type=AVTracker,
    speech=dict(
        type=SpeechStage,
        recognizer=dict(type=SpeakerDiarization, activity=dict(type=WebRTCVAD), voices=voices),
    ),
    instance_tracker=dict(type=FaceGuidedTracker),
    grounding=dict(type=MouthMotionGrounding, mouths=dict(type=FaceMeshMouthMotion)),
    identity=dict(
        type=JointIdentity,
        parts=[
            dict(type=ObjectIdentity),
            dict(type=SpeakerIdentity, encoder=voices, threshold=0.75),
        ],
    ),
    prompt='person',
    protocol='corrected',
    cache_dir='work_dirs/avtracker_offline/cache',
    record_dir='work_dirs/avtracker_offline/records',
)
