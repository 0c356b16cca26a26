"""Resampled audio equals resampy's, at the common sample rates."""

import numpy as np
import pytest
import torch

from avis.ops import resample
from avis.ops.resample import Resampler
from tests.helpers.golden import generator, load_golden

GOLDEN = load_golden('models/vggish')


@pytest.mark.parametrize('rate', [8000, 11025, 22050, 32000, 44100, 48000])
def test_noise_equals_resampy(rate) -> None:
    noise = torch.from_numpy(generator(rate).normal(0, 0.2, rate // 4 + 7))
    resampled = Resampler(rate=rate, new_rate=16000)(noise)
    assert len(resampled) == GOLDEN.arrays[f'{rate}/length']
    # Recorded in float32; torchaudio with an equal window differs by 3e-4 at 48000.
    np.testing.assert_allclose(resampled[::11], GOLDEN.arrays[str(rate)], rtol=0, atol=1e-7)


def test_batch_equals_single_waveforms() -> None:
    resampler = Resampler(rate=44100, new_rate=16000)
    batch = torch.randn(2, 3, 5000, generator=torch.Generator().manual_seed(0))
    together = resampler(batch)
    assert together.shape == (2, 3, 5000 * 16000 // 44100)
    torch.testing.assert_close(together[1, 2], resampler(batch[1, 2]), rtol=0, atol=1e-6)


def test_trailing_zeros_do_not_change_result() -> None:
    resampler = Resampler(rate=22050, new_rate=16000)
    audio = torch.randn(3000, generator=torch.Generator().manual_seed(0))
    padded = resampler(torch.nn.functional.pad(audio, (0, 777)))
    alone = resampler(audio)
    torch.testing.assert_close(padded[: len(alone)], alone, rtol=0, atol=1e-6)


def test_equal_rates_return_the_input() -> None:
    audio = torch.randn(10)
    resampler = Resampler(rate=16000, new_rate=16000)
    assert resampler(audio) is audio
    assert resampler.new_length(10) == 10


def test_empty_audio_stays_empty() -> None:
    assert Resampler(rate=44100, new_rate=16000)(torch.zeros(2, 0)).shape == (2, 0)


def test_filters_are_not_in_state_dict() -> None:
    assert Resampler(rate=44100, new_rate=16000).state_dict() == {}


def test_rates_without_common_divisor_equal_the_filter_bank(monkeypatch) -> None:
    audio = torch.randn(2, 3000, generator=torch.Generator().manual_seed(0))
    bank = Resampler(rate=22050, new_rate=16000)(audio)
    monkeypatch.setattr(resample, 'MAX_TAPS', 100_000)  # too small for the bank, several parts
    odd = Resampler(rate=22050, new_rate=16000)
    assert not odd.has_bank
    torch.testing.assert_close(odd(audio), bank, rtol=0, atol=5e-6)  # float32
    assert Resampler(rate=44099, new_rate=16000)(torch.zeros(2, 0)).shape == (2, 0)


def test_rate_of_zero_raises() -> None:
    with pytest.raises(ValueError, match=r'positive sample rates, got 0'):
        Resampler(rate=0, new_rate=16000)
