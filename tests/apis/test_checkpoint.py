"""Checkpoints fit exactly or are refused with the reason."""

import pickle
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from avis.apis import convert_checkpoint, init_model
from avis.apis.checkpoint import CONVERTERS, load_weights, state_dict_of

CONFIG = {
    'model': {'type': 'mmdet.ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8},
    'default_scope': 'avis',
}


@pytest.fixture
def model() -> torch.nn.Module:
    return init_model(Config(CONFIG))


def test_a_saved_model_loads_strictly_through_its_config(tmp_path: Path, model) -> None:
    path = tmp_path / 'right.pth'
    with torch.no_grad():
        model.conv1.weight.fill_(0.5)
    torch.save({'state_dict': {f'module.{k}': v for k, v in model.state_dict().items()}}, path)
    loaded = init_model(Config(CONFIG), path)
    assert not loaded.training
    torch.testing.assert_close(loaded.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_another_model_is_named_with_its_first_keys(tmp_path: Path, model) -> None:
    weights = model.state_dict()
    weights['conv1.weight'] = torch.zeros(16, 3, 7, 7)
    weights['head.weight'] = weights.pop('bn1.weight')
    torch.save(weights, tmp_path / 'other.pth')
    pattern = (
        r'other\.pth does not fit ResNet: 1 keys of another shape \(conv1\.weight: file '
        r'\(16, 3, 7, 7\), model \(8, 3, 7, 7\)\), 1 keys missing in the file \(bn1\.weight\), '
        r'1 keys unknown to the model \(head\.weight\)'
    )
    with pytest.raises(ValueError, match=pattern):
        load_weights(model, tmp_path / 'other.pth')


def test_a_truncated_file_is_named(tmp_path: Path, model) -> None:
    path = tmp_path / 'cut.pth'
    torch.save(model.state_dict(), path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r'cut\.pth cannot be read'):
        load_weights(model, path)


def test_pickled_code_is_not_run(tmp_path: Path, model) -> None:
    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / 'executed',)

    with (tmp_path / 'evil.pth').open('wb') as file:
        pickle.dump({'state_dict': Evil()}, file)
    with pytest.raises(ValueError, match=r'evil\.pth'):
        load_weights(model, tmp_path / 'evil.pth')
    assert not (tmp_path / 'executed').exists()


def test_a_file_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x\.pth: entry 'epoch' is int"):
        state_dict_of({'epoch': 3}, tmp_path / 'x.pth')


def test_conversion_leaves_nothing_half_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='unknown kind'):
        convert_checkpoint('resnet', tmp_path / 'a', tmp_path / 'b')
    torch.save({'not.a.vggish.key': torch.zeros(1)}, tmp_path / 'foreign.pth')
    for kind in CONVERTERS:
        with pytest.raises(ValueError, match=r'not\.a\.vggish\.key'):
            convert_checkpoint(kind, tmp_path / 'foreign.pth', tmp_path / 'out.pth')
    assert sorted(p.name for p in tmp_path.iterdir()) == ['foreign.pth']
