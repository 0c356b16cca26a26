"""The waveforms and weights of the VGGish golden."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers.golden import Golden, fill_array, generator, load_golden


@dataclass(frozen=True)
class Wave:
    """One recorded waveform: mono (1, S) in [-1, 1], sample rate, length at 16 kHz."""

    samples: Tensor
    rate: int
    resampled_length: int


@pytest.fixture(scope='session')
def golden() -> Golden:
    return load_golden('models/vggish')


@pytest.fixture(scope='session')
def waves(golden) -> dict[str, Wave]:
    return {name: _draw(golden.meta[name]) for name in ('mono16k', 'stereo44k', 'mono22k_long')}


def _draw(case: dict) -> Wave:
    """The formula of ``meta['waveform']``; several channels are averaged."""
    rate, seconds, rng = case['sample_rate'], case['seconds'], generator(case['seed'])
    size = round(rate * seconds)
    t = np.arange(size) / rate
    sweep = 0.2 * np.sin(2 * np.pi * (300 + 900 * t / seconds) * t) * np.exp(-t)
    channels = [
        0.3 * np.sin(2 * np.pi * 440 * (c + 1) * t) + sweep + 0.05 * rng.normal(0, 1, size)
        for c in range(case['channels'])
    ]
    pcm = np.clip(np.round(np.stack(channels, -1) * 32767), -32768, 32767).astype(np.int16)
    assert zlib.crc32(pcm.tobytes()) == case['int16_crc32']
    samples = torch.from_numpy(pcm / 32768).mean(1).float()
    return Wave(samples[None], rate, case['resampled_length'])


@pytest.fixture(scope='session')
def weights(golden, tmp_path_factory) -> Path:
    """The generated checkpoint in the naming of torchvggish, with the PCA."""
    extra = {
        name: fill_array(name, shape) for name, shape, _ in golden.info['with_postprocess_extra']
    }
    state_dict = golden.state_dict() | {k: torch.from_numpy(v) for k, v in extra.items()}
    path = tmp_path_factory.mktemp('vggish') / 'vggish.pth'
    torch.save(state_dict, path)
    return path
