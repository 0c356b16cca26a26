"""AVTracker as published: Whisper, MossFormer2, ECAPA, SAM 3 and Qwen3-VL 8B.

The official protocol: what the authors' code does, step by step and with its defects
(FudanCVL/AVTrack, commit 870bf2a). Deviates from the authors:

- Prompts make the same statements in the same order, but in our own words: replies differ. The
  authors' texts can be used, see configs/avis/avtracker/README.md.
- Replies are sampled. The authors seed the process once with 42; here each message sets the random
  state, so that a resumed run gets the same replies. Replies differ, as between two seeds.
- The authors pass separated audio through WAV files, which rounds it to 16 bits, and let ffmpeg
  resample recordings that are not at 16 kHz for Whisper: samples differ by about 1e-5, and by the
  filter. MossFormer2 does not run on silence or on less than 20 ms, which stay silent.
- How a run is started, distributed and resumed is corrected (defects 4 to 8 and 10 to 12 of
  docs/avtracker_defects.md): there a process takes an eighth of the videos unless told otherwise,
  counts a started video as done, and merges no segments on any GPU but the first.
"""

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
    # One session over all frames, however long the video is.
    instance_tracker=dict(type=SAM3Video, model='facebook/sam3', window_frames=None),
    grounding=dict(type=VLMGrounding, model=vlm),
    identity=dict(type=VLMIdentity, model=vlm),
    prompt='person',
    max_frames=30,
    protocol='official',
    # Finished stages are cached: an interrupted run continues, and after a component is replaced
    # only the stages that depend on it run again.
    cache_dir='work_dirs/avtracker/cache',
    record_dir='work_dirs/avtracker/records',
)
