"""A narrow LR-ASD, for two CPU cores.

Differs from the published model: a quarter of the channels, and GroupNorm instead of BatchNorm, so
that the loss does not depend on how a batch is split among processes. Noise of other tracks is
mixed by the corrected protocol.
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
norm_cfg = dict(type='GN', num_groups=4)
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
