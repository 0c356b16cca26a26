"""Light-ASD, 1.02 M parameters: gray faces of 112 x 112 pixels, MFCCs of 16000 Hz."""

from avis.models import (
    ActiveSpeakerDetector,
    ActiveSpeakerLoss,
    ActiveSpeakerPreprocessor,
    FaceSequenceEncoder,
    LightASD,
    MFCCEncoder,
    TrackNoise,
)

model = dict(
    type=ActiveSpeakerDetector,
    data_preprocessor=dict(type=ActiveSpeakerPreprocessor, noise=dict(type=TrackNoise)),
    network=dict(
        type=LightASD,
        visual_encoder=dict(type=FaceSequenceEncoder, block='parallel'),
        audio_encoder=dict(type=MFCCEncoder, block='parallel'),
    ),
    loss=dict(type=ActiveSpeakerLoss, temperature=1.3, cooling=0.02),
)
