"""The log-mel spectrogram equals the input of VGGish."""

import math

import numpy as np
import pytest
import torch

from avis.models.audio_encoders.log_mel import LogMel
from avis.synthetic.log_mel import log_mel_examples


@pytest.fixture(scope='module')
def log_mel() -> LogMel:
    return LogMel()


def test_silent_bands_beside_a_loud_one_need_float64() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(15600) / 16000)
    pcm = np.round(tone * 32767).astype(np.int16)
    (expected,) = log_mel_examples(pcm, 1)[:, 0]  # NumPy, float64
    audio = torch.from_numpy(pcm / 32768).float()
    precise, single = (LogMel(precise=flag)(audio) for flag in (True, False))
    assert precise.dtype == single.dtype == torch.float32
    errors = [np.abs(values.numpy() - expected).max() for values in (precise, single)]
    assert errors[0] < 1e-4
    assert errors[1] > 2 * errors[0]


@pytest.mark.parametrize(
    ('samples', 'frames'), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16000, 98)]
)
def test_no_frame_exceeds_the_audio(log_mel, samples, frames) -> None:
    assert log_mel(torch.zeros(2, samples)).shape == (2, frames, 64)
    assert log_mel.num_frames(torch.tensor([samples])).tolist() == [frames]


def test_silence_equals_log_offset(log_mel) -> None:
    torch.testing.assert_close(log_mel(torch.zeros(560)), torch.full((2, 64), math.log(0.01)))


def test_tone_is_in_its_band(log_mel) -> None:
    time = torch.arange(16000) / 16000
    loudest = [
        int(log_mel(torch.sin(2 * math.pi * hz * time)).mean(0).argmax())
        for hz in (200, 1000, 4000)
    ]
    mel = [1127 * math.log1p(hz / 700) for hz in (125, 7500, 200, 1000, 4000)]
    expected = [round((m - mel[0]) / (mel[1] - mel[0]) * 65) - 1 for m in mel[2:]]
    assert loudest == expected


def test_autocast_does_not_change_result(log_mel) -> None:
    audio = torch.randn(2000, generator=torch.Generator().manual_seed(0))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        mixed = log_mel(audio)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, log_mel(audio), rtol=0, atol=0)


def test_buffers_are_not_in_state_dict(log_mel) -> None:
    assert log_mel.state_dict() == {}
