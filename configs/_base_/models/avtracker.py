"""AVTracker as published: Whisper, MossFormer2, ECAPA, SAM 3 and Qwen3-VL 8B."""

from avis.avtracker.vlm.transformers_vlm import TransformersVLM
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.identity.vlm_identity import VLMIdentity
from avis.avtracker.instance_trackers.sam3_video import SAM3Video
from avis.avtracker.asr.whisper import WhisperASR
from avis.avtracker.separation.two_speaker import MossFormer2
from avis.avtracker.asr.speech_stage import SpeechStage
from avis.avtracker.speaker_encoders.ecapa import ECAPA
from avis.avtracker.model import AVTracker

# One model answers both stages; weights are read once per name and process.
vlm = dict(type=TransformersVLM, model='Qwen/Qwen3-VL-8B-Instruct')

model = dict(
    type=AVTracker,
    speech=dict(
        type=SpeechStage,
        recognizer=dict(type=WhisperASR, model='openai/whisper-large-v3-turbo'),
        separator=dict(type=MossFormer2),
        encoder=dict(type=ECAPA),
        threshold=0.35,
    ),
    instance_tracker=dict(type=SAM3Video, model='facebook/sam3'),
    grounding=dict(type=VLMGrounding, model=vlm),
    identity=dict(type=VLMIdentity, model=vlm),
    prompt='person',
    max_frames=30,
    protocol='corrected',
)
