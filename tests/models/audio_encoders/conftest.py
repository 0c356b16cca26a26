"""The waveforms and weights of the VGGish golden."""

from pathlib import Path

import pytest
import torch

from tests.helpers.golden import Golden, fill_array, load_golden
from tests.parity.vggish import Wave, draw_wave, waves_of


@pytest.fixture(scope='session')
def golden() -> Golden:
    return load_golden('models/vggish')


@pytest.fixture(scope='session')
def waves(golden) -> dict[str, Wave]:
    return {name: draw_wave(golden.meta[name]) for name in waves_of(golden)}


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
