"""AVTracker on a laptop, without a hub: every weight comes inside a package.

WebRTC's detector and Resemblyzer hear who speaks when, MediaPipe's networks see faces, bodies and
mouths; a voice belongs to the mouth that is open while it is heard. No words, no language model.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *

from avis.avtracker.grounding.mouth_motion_grounding import MouthMotionGrounding
from avis.avtracker.identity.embedding_identity import JointIdentity, SpeakerIdentity
from avis.avtracker.instance_trackers.face_guided_tracker import FaceGuidedTracker
from avis.avtracker.grounding.mouth_motion import FaceMeshMouthMotion
from avis.avtracker.identity.object_identity import ObjectIdentity
from avis.avtracker.asr.speaker_diarization import SpeakerDiarization
from avis.avtracker.asr.webrtc_vad import WebRTCVAD
from avis.avtracker.asr.speech_stage import SpeechStage
from avis.avtracker.speaker_encoders.resemblyzer import Resemblyzer
from avis.avtracker.model import AVTracker

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
