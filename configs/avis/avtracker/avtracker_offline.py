"""AVTracker on a laptop, without downloads: all weights are included in packages.

WebRTC's VAD and Resemblyzer perform speaker diarization, MediaPipe's networks detect faces, bodies
and mouths. A speaker is the person whose mouth is open while they speak. There is neither
speech recognition nor a language model.
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

speaker_encoder = dict(type=Resemblyzer)

model = dict(
    type=AVTracker,
    speech=dict(
        type=SpeechStage,
        recognizer=dict(
            type=SpeakerDiarization,
            vad=dict(type=WebRTCVAD),
            encoder=speaker_encoder,
            distance_threshold=0.6,
        ),
    ),
    instance_tracker=dict(type=FaceGuidedTracker),
    grounding=dict(type=MouthMotionGrounding, mouth_motion=dict(type=FaceMeshMouthMotion)),
    identity=dict(
        type=JointIdentity,
        parts=[
            dict(type=ObjectIdentity),
            dict(type=SpeakerIdentity, encoder=speaker_encoder, threshold=0.75),
        ],
    ),
    prompt='person',
    protocol='corrected',
    cache_dir='work_dirs/avtracker_offline/cache',
    record_dir='work_dirs/avtracker_offline/records',
)
