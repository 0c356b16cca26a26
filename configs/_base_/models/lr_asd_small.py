"""A narrow LR-ASD, for two CPU cores.

Differs from the published model: a quarter of the channels, PyTorch's batch norm, whose statistics
follow faster, and less dropout. Noise of other tracks is mixed by the corrected protocol.
"""

from avis.models import (
    LRASD,
    ActiveSpeakerDetector,
    ActiveSpeakerLoss,
    ActiveSpeakerPreprocessor,
    FaceSequenceEncoder,
    MFCCEncoder,
    TrackNoise,
)

channels = (8, 16, 32)
norm_cfg = dict(type='BN')
model = dict(
    type=ActiveSpeakerDetector,
    data_preprocessor=dict(
        type=ActiveSpeakerPreprocessor, noise=dict(type=TrackNoise, protocol='corrected')
    ),
    network=dict(
        type=LRASD,
        visual_encoder=dict(
            type=FaceSequenceEncoder, block='serial', channels=channels, norm_cfg=norm_cfg
        ),
        audio_encoder=dict(type=MFCCEncoder, block='serial', channels=channels, norm_cfg=norm_cfg),
        dropout=0.1,
        norm_cfg=norm_cfg,
    ),
    loss=dict(type=ActiveSpeakerLoss),
)
