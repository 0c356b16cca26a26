"""LR-ASD and Light-ASD equal recorded values of the official code, front ends included."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from avis.apis import convert_checkpoint
from avis.models.audio_encoders.mfcc import mfcc
from avis.models.converters.active_speaker import convert_light_asd, convert_lr_asd
from avis.utils.checkpoint import load_state_dict_strict
from tests.helpers.golden import load_golden
from tests.helpers.tiny_asd import tiny_detector
from tests.parity import asd, asd_pipeline
from tests.parity.comparison import Comparison


class Unsafe:
    """Loading an object of a class runs code."""


needs_weights = pytest.mark.skipif(
    not os.environ.get(asd.WEIGHTS), reason=f'{asd.WEIGHTS} names no folder of weights'
)


@pytest.mark.parametrize('part', ['mfcc', 'align', 'overlap', 'faces'])
def test_front_ends_equal_the_recorded_ones(part: str) -> None:
    golden = load_golden('models/asd_pipeline')
    comparison = Comparison(golden, [part])
    asd_pipeline.PARTS[part](golden.meta[part], golden, comparison)
    comparison.check()


@pytest.mark.data
@needs_weights
@pytest.mark.parametrize('name', ['lr_asd', 'light_asd'])
def test_networks_equal_the_recorded_ones(name: str) -> None:
    golden = load_golden(f'models/{name}')
    comparison = Comparison(golden, ['eval_batch_12fps', 'train'])
    asd.compare(name, golden, comparison)
    comparison.check()


@pytest.mark.data
@needs_weights
@pytest.mark.parametrize('part', ['demo', 'ava'])
def test_scores_equal_the_recorded_ones(part: str) -> None:
    golden = load_golden('models/asd_pipeline')
    comparison = Comparison(golden, [part])
    asd_pipeline.PARTS[part](golden.meta[part], golden, comparison)
    comparison.check()


@pytest.mark.parametrize('name', ['lr_asd', 'light_asd'])
def test_published_names_and_shapes_convert_to_the_model(name: str, tmp_path: Path) -> None:
    golden = load_golden(f'models/{name}')
    published = {key: torch.zeros(shape) for key, shape, _ in golden.info['keys']}
    converted, dropped = asd.CONVERTERS[name](published)
    assert dropped == []
    assert len(converted) == len(published) == golden.info['num_entries']
    model = asd.build_detector(name)
    assert sum(p.numel() for p in model.parameters()) == golden.info['num_parameters']
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    assert {key: value.shape for key, value in converted.items()} == shapes


def test_weights_of_the_other_model_are_refused_in_one_sentence(tmp_path: Path) -> None:
    light = {'model.GRU.gru_forward.weight_ih_l0': torch.zeros(384, 128)}
    with pytest.raises(ValueError, match="not the weights of LR-ASD: unknown entry 'model"):
        convert_lr_asd(light)
    with pytest.raises(ValueError, match='not the weights of Light-ASD'):
        convert_light_asd({'model.detector.gru_forward.bias_ih_l0': torch.zeros(192)})
    with pytest.raises(ValueError, match='does not fit ActiveSpeakerDetector'):
        load_state_dict_strict(
            tiny_detector('lr_asd'), tiny_detector('light_asd').state_dict(), 'light.pth'
        )


def test_weights_with_code_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    torch.save({'model.x': torch.zeros(1), 'code': Unsafe()}, tmp_path / 'bad.model')
    with pytest.raises(ValueError, match='contains more than weights and was not loaded'):
        convert_checkpoint('lr_asd', tmp_path / 'bad.model', tmp_path / 'out.pth')
    assert [path.name for path in tmp_path.iterdir()] == ['bad.model']


def test_silence_and_one_sample_have_finite_mfccs() -> None:
    rows = mfcc(torch.zeros(4000))
    assert rows.shape == (24, 13)
    np.testing.assert_allclose(rows[:, 0], np.log(np.finfo(float).eps), rtol=1e-6)
    assert mfcc(torch.zeros(2, 1)).shape == (2, 1, 13)
    with pytest.raises(ValueError, match='at least one sample'):
        mfcc(torch.zeros(0))
