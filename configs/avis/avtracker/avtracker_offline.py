"""AVTracker on a laptop, without a hub: every weight comes inside a package.

WebRTC's detector and Resemblyzer hear who speaks when, MediaPipe's networks see faces, bodies and
mouths; a voice belongs to the mouth that is open while it is heard. No words, no language model.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *

from avis.models.agents.grounding.audio_visual_sync import AudioVisualSync
from avis.models.agents.identity.embedding_identity import JointIdentity, SpeakerIdentity
from avis.models.agents.instances.face_guided import FaceGuidedPeople
from avis.models.agents.grounding.mouths import FaceMeshMouths
from avis.models.agents.identity.object_identity import ObjectIdentity
from avis.models.agents.recognizers.voice_turns import VoiceTurns
from avis.models.agents.recognizers.webrtc_activity import WebRTCActivity
from avis.models.agents.speech.speech_stage import SpeechStage
from avis.models.agents.voices.resemblyzer_voices import Resemblyzer
from avis.models.segmentors.av_tracker import AVTracker

voices = dict(type=Resemblyzer)

model = dict(
    type=AVTracker,
    speech=dict(
        type=SpeechStage,
        recognizer=dict(type=VoiceTurns, activity=dict(type=WebRTCActivity), voices=voices),
    ),
    instance_tracker=dict(type=FaceGuidedPeople),
    grounding=dict(type=AudioVisualSync, mouths=dict(type=FaceMeshMouths)),
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
