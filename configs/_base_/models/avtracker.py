"""AVTracker as published: Whisper, MossFormer2, ECAPA, SAM 3 and Qwen3-VL 8B."""

from avis.avtracker import (
    ECAPA,
    AVTracker,
    MossFormer2,
    SAM3Video,
    SpeechStage,
    TransformersVLM,
    VLMGrounding,
    VLMIdentity,
    WhisperASR,
)

# One model answers the queries of both stages; its weights are loaded once per process.
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
    # Finished stages are cached: an interrupted run continues, and after a component is replaced
    # only the stages that depend on it run again.
    cache_dir='work_dirs/avtracker/cache',
    record_dir='work_dirs/avtracker/records',
)
