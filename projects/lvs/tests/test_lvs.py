"""Logits, masks and converter of LVS, with a small model."""

from pathlib import Path

import pytest
import torch
from lvs import LVS, convert_lvs

from tests.helpers.sound_localizers import build_model, small_batch

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'demo_lvs_synthetic.py'


@pytest.fixture(scope='module')
def model() -> LVS:
    return build_model(CONFIG)


def test_training_step_has_a_loss_and_gradients(model) -> None:
    inputs, samples = small_batch()
    losses = model.train()(inputs, samples, mode='loss')
    losses['loss_match'].backward()
    assert all(weight.grad is not None for weight in model.parameters())
    model.zero_grad()


def test_own_pair_is_switched_off_among_the_negatives(model) -> None:
    inputs, _ = small_batch()
    with torch.no_grad():
        logits = model.eval()(inputs)['logits']
    assert logits.shape == (3, 5)
    pairs = logits[:, 1:4]
    torch.testing.assert_close(pairs.diagonal(), -99 * logits[:, 0])
    assert (pairs.diagonal() < pairs.min(1).values + 1e-3).all()


def test_masks_far_above_both_thresholds_give_finite_logits(model, monkeypatch) -> None:
    monkeypatch.setattr(model, 'positive_threshold', -0.5)
    monkeypatch.setattr(model, 'negative_threshold', -0.6)
    inputs, _ = small_batch()
    with torch.no_grad():
        outputs = model.eval()(inputs)
    assert 0 < outputs['negative'].max() < 1e-8
    assert outputs['logits'].isfinite().all()


def test_prediction_is_the_map_of_cosines(model) -> None:
    inputs, samples = small_batch()
    with torch.no_grad():
        predicted = model.eval()(inputs, samples, mode='predict')
        cosines = model(inputs)['heat_map']
    assert cosines.shape == (3, 4, 4)
    for sample, expected in zip(predicted, cosines, strict=True):
        torch.testing.assert_close(sample.pred_heat_map.heat_map[0], expected)


def test_converter_keeps_the_convolution_of_each_input() -> None:
    names = [
        f'module.{net}.{conv}.weight'
        for net in ('imgnet', 'audnet')
        for conv in ('conv1', 'conv1_a', 'conv1_flow', 'fc')
    ]
    weights = {name: torch.tensor(float(index)) for index, name in enumerate(names)}
    converted, dropped = convert_lvs(weights)
    assert converted['image_backbone.conv1.weight'] == 0
    assert converted['audio_backbone.conv1.weight'] == 5
    assert len(dropped) == 6
    with pytest.raises(ValueError, match=r"unknown entry 'head\.weight'"):
        convert_lvs({'head.weight': torch.zeros(1)})
