"""PrecomputedAudio returns embeddings unchanged and raises for everything else."""

import pytest
import torch

from avis.models.audio_encoders.precomputed import PrecomputedAudio
from avis.registry import MODELS


def test_embeddings_pass_unchanged() -> None:
    encoder = MODELS.build({'type': 'PrecomputedAudio', 'channels': 64})
    rows = torch.randn(2, 5, 64)
    assert encoder(rows, num_frames=5) is rows
    assert encoder.out_channels == 64
    assert encoder.state_dict() == {}


@pytest.mark.parametrize(
    ('audio', 'message'),
    [
        (torch.zeros(1, 4, 128), 'expected 5 embeddings, one per frame, got 4'),
        (
            torch.zeros(1, 5, 64),
            r'expected embeddings \(B, T, 128\), got .* shape \(1, 5, 64\)',
        ),
        (torch.zeros(1, 80000), r'expected embeddings .* got audio of shape \(1, 80000\)'),
        (torch.full((1, 5, 128), torch.nan), 'NaN or infinite'),
    ],
)
def test_invalid_embeddings_raise(audio, message) -> None:
    with pytest.raises(ValueError, match=message):
        PrecomputedAudio()(audio, 5)
