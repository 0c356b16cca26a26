# Names that the package exports; see tests/test_exports.py.
from .active_speaker_tracker import ActiveSpeakerTracker as ActiveSpeakerTracker
from .asr.silero_vad import SileroVAD as SileroVAD
from .asr.speaker_diarization import SpeakerDiarization as SpeakerDiarization
from .asr.speech_stage import SpeechStage as SpeechStage
from .asr.transcript_file import TranscriptFile as TranscriptFile
from .asr.webrtc_vad import WebRTCVAD as WebRTCVAD
from .asr.whisper import WhisperASR as WhisperASR
from .face_detection.box_detectors import BlazeFace as BlazeFace
from .face_detection.box_detectors import DlibFaces as DlibFaces
from .face_detection.box_detectors import YuNet as YuNet
from .face_encoders.deep_face import DeepFaceEncoder as DeepFaceEncoder
from .face_encoders.dlib_face import DlibFaceEncoder as DlibFaceEncoder
from .face_tracks.face_tracker import FaceTracker as FaceTracker
from .face_tracks.speaker_scores import ActiveSpeakerScorer as ActiveSpeakerScorer
from .grounding.active_speaker_grounding import (
    ActiveSpeakerGrounding as ActiveSpeakerGrounding,
)
from .grounding.mouth_motion import FaceMeshMouthMotion as FaceMeshMouthMotion
from .grounding.mouth_motion import HeadMotion as HeadMotion
from .grounding.mouth_motion_grounding import MouthMotionGrounding as MouthMotionGrounding
from .grounding.vlm_grounding import VLMGrounding as VLMGrounding
from .identity.embedding_identity import FaceIdentity as FaceIdentity
from .identity.embedding_identity import JointIdentity as JointIdentity
from .identity.embedding_identity import SpeakerIdentity as SpeakerIdentity
from .identity.object_identity import ObjectIdentity as ObjectIdentity
from .identity.vlm_identity import VLMIdentity as VLMIdentity
from .instance_trackers.face_guided_tracker import FaceGuidedBoxes as FaceGuidedBoxes
from .instance_trackers.face_guided_tracker import FaceGuidedTracker as FaceGuidedTracker
from .instance_trackers.mask_folder import MaskFolder as MaskFolder
from .instance_trackers.sam2_video import SAM2Video as SAM2Video
from .instance_trackers.sam3_video import SAM3Video as SAM3Video
from .instance_trackers.segmentor_tracker import DetectorTracker as DetectorTracker
from .instance_trackers.segmentor_tracker import SegmentorTracker as SegmentorTracker
from .model import AVTracker as AVTracker
from .separation.separators import ConvTasNet as ConvTasNet
from .separation.separators import MossFormer2 as MossFormer2
from .separation.separators import SepFormer as SepFormer
from .speaker_encoders.ecapa import ECAPA as ECAPA
from .speaker_encoders.resemblyzer import Resemblyzer as Resemblyzer
from .speaker_encoders.x_vector import XVector as XVector
from .vlm.openai_compatible import OpenAICompatibleVLM as OpenAICompatibleVLM
from .vlm.replay import ReplayVLM as ReplayVLM
from .vlm.transformers_vlm import TransformersVLM as TransformersVLM
