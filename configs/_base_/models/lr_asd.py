"""LR-ASD, 0.84 M parameters: gray faces of 112 x 112 pixels, MFCCs of 16000 Hz."""

from avis.models import (
    LRASD,
    ActiveSpeakerDetector,
    ActiveSpeakerLoss,
    ActiveSpeakerPreprocessor,
    FaceSequenceEncoder,
    MFCCEncoder,
    TrackNoise,
)

model = dict(
    type=ActiveSpeakerDetector,
    data_preprocessor=dict(type=ActiveSpeakerPreprocessor, noise=dict(type=TrackNoise)),
    network=dict(
        type=LRASD,
        visual_encoder=dict(type=FaceSequenceEncoder, block='serial'),
        audio_encoder=dict(type=MFCCEncoder, block='serial'),
    ),
    loss=dict(type=ActiveSpeakerLoss),
)
