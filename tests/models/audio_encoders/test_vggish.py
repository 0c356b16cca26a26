"""VGGish equals the official network; frozen weights stay out of the model."""

import copy
import io
from pathlib import Path

import pytest
import torch
from torch import distributed, nn

from avis.apis import convert_checkpoint, init_model
from avis.models.audio_encoders.vggish import VGGish
from tests.parity.comparison import Comparison
from tests.parity.vggish import compare

CONFIG = Path(__file__).parents[3] / 'configs' / '_base_' / 'models' / 'vggish.py'


@pytest.fixture(scope='module')
def converted(weights, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('converted') / 'vggish.pth'
    assert convert_checkpoint('vggish', weights, path) == []
    return path


@pytest.fixture(scope='module')
def encoder(weights) -> VGGish:
    return VGGish(weights=weights)


@pytest.fixture(scope='module')
def trainable(converted) -> VGGish:
    model = init_model(CONFIG, converted)
    assert isinstance(model, VGGish)
    return model


def test_front_end_and_network_equal_official_code(golden) -> None:
    # The folder also contains resampled noise, see tests/ops/test_resample.py.
    comparison = Comparison(golden, [*golden.meta, 'mel_matrix', 'periodic_hann_400'])
    compare('vggish', golden, comparison)
    comparison.check()


def test_batch_equals_single_clips(encoder) -> None:
    audio = 0.1 * torch.randn(3, 32000, generator=torch.Generator().manual_seed(0))
    together = encoder(audio, 2)
    alone = torch.cat([encoder(clip[None], 2) for clip in audio])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_batch_padding_does_not_change_embeddings(encoder) -> None:
    audio = 0.1 * torch.randn(1, 16000, generator=torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(audio, (0, 16000))
    expected = encoder(audio, 2)
    torch.testing.assert_close(encoder(padded, 2, torch.tensor([16000])), expected)
    assert not torch.allclose(encoder(padded, 2), expected)


def test_examples_over_several_chunks_are_equal(encoder, monkeypatch) -> None:
    examples = torch.randn(2, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    whole = encoder(examples, 3)
    monkeypatch.setattr('avis.models.audio_encoders.vggish._EXAMPLES_PER_CHUNK', 4)
    torch.testing.assert_close(encoder(examples, 3), whole, rtol=1e-5, atol=1e-5)


def test_frozen_network_is_not_part_of_the_module(encoder) -> None:
    encoder(torch.zeros(1, 16000), 1)  # loads its network
    assert encoder.state_dict() == {}
    assert list(encoder.parameters()) == []
    assert encoder.load_state_dict({}, strict=True).missing_keys == []
    encoder.train()
    assert not encoder._frozen_instance.training
    audio = torch.zeros(1, 16000, requires_grad=True)
    assert not encoder(audio, 1).requires_grad


def test_copies_and_pickles_exclude_frozen_network(encoder) -> None:
    audio = 0.1 * torch.randn(1, 16000, generator=torch.Generator().manual_seed(0))
    expected = encoder(audio, 1)
    buffer = io.BytesIO()
    torch.save(encoder, buffer)
    assert len(buffer.getvalue()) < 1e6
    buffer.seek(0)
    for other in (copy.deepcopy(encoder), torch.load(buffer, weights_only=False)):
        assert other._frozen_instance is None
        torch.testing.assert_close(other(audio, 1), expected)


def test_loading_weights_keeps_random_state(weights) -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    VGGish(weights=weights)(torch.zeros(1, 16000), 1)
    assert torch.rand(1) == expected


def test_frozen_network_works_with_ddp(encoder, tmp_path) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.audio_encoder, self.head = encoder, nn.Linear(128, 1)

        def forward(self, audio):
            return self.head(self.audio_encoder(audio, 1))

    store = f'file://{tmp_path}/store'
    distributed.init_process_group('gloo', init_method=store, rank=0, world_size=1)
    try:
        model = nn.parallel.DistributedDataParallel(Model())
        model(0.1 * torch.randn(2, 16000)).sum().backward()
    finally:
        distributed.destroy_process_group()
    assert sorted(model.state_dict()) == ['module.head.bias', 'module.head.weight']
    assert model.module.head.weight.grad.abs().sum() > 0


def test_trainable_network_has_gradients_and_state_dict(trainable, converted) -> None:
    trainable.train()
    trainable(0.1 * torch.randn(1, 16000), 1).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trainable.parameters())
    trainable.zero_grad(set_to_none=True)
    saved = torch.load(converted, weights_only=True)['state_dict']
    assert set(trainable.state_dict()) == {name for name in saved if '.pca_' not in name}


def test_trainable_network_is_initialized_from_file(weights, golden) -> None:
    model = VGGish(frozen=False, weights=weights)
    model.init_weights()
    expected = golden.state_dict()['embeddings.4.bias']
    torch.testing.assert_close(model.network.embeddings[4].bias.detach(), expected)


def test_embeddings_pass_without_weights() -> None:
    rows = torch.randn(2, 5, 128)
    encoder = VGGish()
    assert encoder(rows, 5) is rows
    assert encoder._frozen_instance is None
    with pytest.raises(ValueError, match='expected 5 embeddings, one per frame, got 4'):
        encoder(rows[:, :4], 5)


@pytest.mark.parametrize(
    ('audio', 'message'),
    [
        (torch.full((1, 16000), torch.nan), r'VGGish: expected finite floats .* got NaN'),
        (torch.full((1, 1, 96, 64), torch.inf), 'infinite values'),
        (torch.zeros(1, 16000, dtype=torch.int16), r'expected finite floats .* got torch\.int16'),
        (
            torch.zeros(1, 2, 16000),
            r'expected a waveform .*\(1, 2, 16000\)\. Average several channels',
        ),
        (torch.zeros(1, 1, 64, 96), r'expected a waveform .*, got audio of shape \(1, 1, 64, 96\)'),
    ],
)
def test_invalid_audio_raises(audio, message) -> None:
    with pytest.raises(ValueError, match=message):
        VGGish()(audio, 1)


def test_missing_weights_error_names_file_and_remedy(tmp_path) -> None:
    path = tmp_path / 'absent.pth'
    way = r'avis convert vggish vggish-10086976\.pth '
    with pytest.raises(
        FileNotFoundError, match=rf'absent\.pth do not exist\. .*{way}.*absent\.pth'
    ):
        VGGish(weights=path)(torch.zeros(1, 16000), 1)
    with pytest.raises(ValueError, match=rf'got weights=None\. .*{way}'):
        VGGish()(torch.zeros(1, 16000), 1)


def test_damaged_file_and_other_model_raise(tmp_path) -> None:
    (tmp_path / 'truncated.pth').write_bytes(b'PK\x03\x04 cut')
    torch.save({'conv1.weight': torch.zeros(1)}, tmp_path / 'resnet.pth')
    torch.save({'features.0.bias': torch.zeros(64)}, tmp_path / 'part.pth')
    for name, message in (
        ('truncated.pth', r'truncated\.pth cannot be read'),
        (
            'resnet.pth',
            r'resnet\.pth is not a VGGish: 1 unknown entries \(conv1\.weight\)',
        ),
        ('part.pth', r'part\.pth does not fit VGGishNetwork: 17 keys missing'),
    ):
        encoder = VGGish(weights=tmp_path / name)
        with pytest.raises(ValueError, match=message):
            encoder(torch.zeros(1, 16000), 1)
        assert encoder._frozen_instance is None
