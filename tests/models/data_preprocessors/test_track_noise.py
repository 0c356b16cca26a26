"""The audio of other tracks as noise. Exact values: tests/models/test_asd_goldens.py."""

import numpy as np
import pytest
import torch
from torch import Tensor

from avis.models.data_preprocessors.track_noise import TrackNoise, mix_noise, quantize_waveform
from avis.structures.av_data_sample import AVDataSample


def waves(*amplitudes: float) -> list[Tensor]:
    rng = np.random.default_rng(0)
    return [torch.from_numpy(rng.uniform(-a, a, 4000).astype(np.float32)) for a in amplitudes]


def samples(*videos: str) -> list[AVDataSample]:
    return [
        AVDataSample(metainfo={'video_name': video, 'seed': (0, 0, index)})
        for index, video in enumerate(videos)
    ]


def ratio(clean: Tensor, mixed: Tensor) -> float:
    """Signal-to-noise ratio in dB."""
    clean, noise = clean.double(), mixed.double() - clean.double()
    return float(10 * torch.log10(clean.square().mean() / noise.square().mean()))


def test_official_powers_wrap() -> None:
    clean, noise = (quantize_waveform(wave) for wave in waves(0.3, 0.2))
    assert ratio(clean, mix_noise(clean, noise, 3.0, wrap=False)) == pytest.approx(3, abs=0.01)
    assert abs(ratio(clean, mix_noise(clean, noise, 3.0, wrap=True)) - 3) > 1
    quiet = [quantize_waveform(wave) for wave in waves(0.004, 0.003)]  # squares fit 16 bit
    assert ratio(quiet[0], mix_noise(*quiet, 3.0, wrap=True)) == pytest.approx(3, abs=0.1)


def test_official_sums_wrap_and_corrected_ones_are_clipped() -> None:
    clean = torch.full((4,), 32000, dtype=torch.int16)
    noise = torch.full((2,), 100, dtype=torch.int16)  # shorter: repeated
    loud = mix_noise(clean, noise, -20.0, wrap=False)
    assert loud.tolist() == [32767] * 4
    assert (mix_noise(clean, noise, -100.0, wrap=True) != 32767).all()


def test_noise_depends_on_the_seed_of_the_track_only() -> None:
    audio, own = waves(0.1, 0.1, 0.1, 0.1), samples('a', 'b', 'c', 'd')
    torch.manual_seed(0)
    first = TrackNoise(protocol='corrected', prob=1)(audio, own)
    torch.manual_seed(1)
    second = TrackNoise(protocol='corrected', prob=1)(audio, own)
    for clean, mixed, again in zip(audio, first, second, strict=True):
        assert torch.equal(mixed, again)
        assert -5.2 < ratio(clean, mixed) < 5.2
    assert all(map(torch.equal, TrackNoise(prob=0)(audio, own), audio))


def test_corrected_partners_are_of_other_videos() -> None:
    audio = waves(0.1, 0.1)
    same = samples('a', 'a')
    assert torch.equal(TrackNoise(protocol='corrected', prob=1)(audio, same)[0], audio[0])
    assert not torch.equal(TrackNoise(protocol='official', prob=1)(audio, same)[0], audio[0])
    assert torch.equal(TrackNoise(prob=1)(audio[:1], same[:1])[0], audio[0])  # no partner


def test_unknown_protocol_is_an_error() -> None:
    with pytest.raises(ValueError, match="must be 'official' or 'corrected', got 'fixed'"):
        TrackNoise(protocol='fixed')
