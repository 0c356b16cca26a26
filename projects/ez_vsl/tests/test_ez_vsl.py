"""Losses, maps, prior and converter of EZ-VSL, with a small model."""

from pathlib import Path

import pytest
import torch
from ez_vsl import EZVSL, ObjectPrior, convert_ez_vsl
from ez_vsl.localizer import matching_losses, scale

from tests.helpers.sound_localizers import build_model, small_batch

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'demo_ez_vsl_synthetic.py'


@pytest.fixture(scope='module')
def model() -> EZVSL:
    return build_model(CONFIG)


def test_training_step_has_both_losses_and_gradients(model) -> None:
    inputs, samples = small_batch()
    losses = model.train()(inputs, samples, mode='loss')
    assert losses.keys() == {'loss_image', 'loss_audio'}
    sum(losses.values()).backward()
    assert all(weight.grad is not None for weight in model.parameters())
    model.zero_grad()


def test_loss_is_that_of_the_most_similar_location() -> None:
    audio = torch.eye(3)[:2]
    image = torch.zeros(2, 3, 2, 2)
    image[0, 0, 1, 1] = 2  # like the first audio at one location, like none elsewhere
    image[1, 1, 0, 0] = 5
    by_image, by_audio = matching_losses(image, audio, temperature=1.0)
    expected = torch.tensor([1.0, 0.0]).log_softmax(0)[0].neg()
    torch.testing.assert_close(by_image, expected)
    torch.testing.assert_close(by_audio, expected)


def test_prediction_has_one_map_of_the_size_of_the_frame(model) -> None:
    inputs, samples = small_batch()
    with torch.no_grad():
        predicted = model.eval()(inputs, samples, mode='predict')
    for sample in predicted:
        heat_map = sample.pred_heat_map.heat_map
        assert heat_map.shape == (1, 64, 64)
        assert (heat_map.min(), heat_map.max()) == (0, 1)


def test_prior_is_added_by_its_weight_and_is_in_no_checkpoint(model, monkeypatch) -> None:
    prior = ObjectPrior(weights='resnet18.pth')
    monkeypatch.setattr(prior, 'forward', lambda images: images[:, 0, ::32, ::32].abs())
    monkeypatch.setattr(model, 'prior', prior)
    inputs, _ = small_batch()
    with torch.no_grad():
        maps = model.eval().compute_maps(inputs)
    expected = scale(0.4 * maps['audio_map'] + 0.6 * maps['prior_map'])
    torch.testing.assert_close(maps['heat_map'], expected)
    assert not any(name.startswith('prior') for name in model.state_dict())


def test_missing_weights_of_the_prior_are_named() -> None:
    prior = ObjectPrior(weights='no/resnet18.pth')
    with pytest.raises(FileNotFoundError, match=r'no/resnet18\.pth do not exist'):
        prior(torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'frames': torch.zeros(2, 5, 3, 64, 64)}, 'one frame per clip'),
        ({'audio': torch.zeros(2, 16000)}, r'spectrograms \(B, 257, N\)'),
    ],
)
def test_wrong_inputs_are_named(model, changes, message) -> None:
    inputs, _ = small_batch(2)
    with pytest.raises(ValueError, match=message):
        model({**inputs, **changes})


def test_converter_refuses_unknown_entries() -> None:
    weights = {'module.imgnet.conv1.weight': torch.zeros(1)}
    assert [*convert_ez_vsl(weights)[0]] == ['image_backbone.conv1.weight']
    with pytest.raises(ValueError, match=r"unknown entry 'head\.weight'"):
        convert_ez_vsl({**weights, 'head.weight': torch.zeros(1)})
