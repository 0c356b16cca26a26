"""Speaker tracking from parts whose weights are included in packages, and LR-ASD if it is there."""

from avis.avtracker import (
    ActiveSpeakerGrounding,
    ActiveSpeakerScorer,
    AVTracker,
    BlazeFace,
    FaceGuidedTracker,
    FaceMeshMouthMotion,
    FaceTracker,
    JointIdentity,
    MouthMotionGrounding,
    ObjectIdentity,
    Resemblyzer,
    SpeakerDiarization,
    SpeakerIdentity,
    SpeechStage,
    WebRTCVAD,
)
from avis.models import (
    LRASD,
    ActiveSpeakerDetector,
    ActiveSpeakerLoss,
    ActiveSpeakerPreprocessor,
    FaceSequenceEncoder,
    MFCCEncoder,
)

speaker_encoder = dict(type=Resemblyzer)
active_speaker_detector = dict(
    type=ActiveSpeakerDetector,
    data_preprocessor=dict(type=ActiveSpeakerPreprocessor),
    network=dict(
        type=LRASD,
        visual_encoder=dict(type=FaceSequenceEncoder, block='serial'),
        audio_encoder=dict(type=MFCCEncoder, block='serial'),
    ),
    loss=dict(type=ActiveSpeakerLoss),
)

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
    grounding=dict(
        type=ActiveSpeakerGrounding,
        face_tracker=dict(type=FaceTracker, detector=dict(type=BlazeFace)),
        scorer=dict(
            type=ActiveSpeakerScorer,
            model=active_speaker_detector,
            weights='data/pretrained/lr_asd_ava.pth',
        ),
        fallback=dict(type=MouthMotionGrounding, mouth_motion=dict(type=FaceMeshMouthMotion)),
    ),
    identity=dict(
        type=JointIdentity,
        parts=[
            dict(type=ObjectIdentity),
            dict(type=SpeakerIdentity, encoder=speaker_encoder, threshold=0.75),
        ],
    ),
    max_frames=1_000_000,  # the grounding decides frame by frame
    prompt='person',
    protocol='corrected',
    cache_dir='work_dirs/avtracker_offline/cache',
    record_dir='work_dirs/avtracker_offline/records',
)
