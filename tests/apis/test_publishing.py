"""Published checkpoints contain weights and metadata only, and carry their hash in the name."""

import hashlib
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from avis.apis import init_model
from avis.apis.publishing import publish_checkpoint
from avis.cli.main import main

CONFIG = {
    'model': {'type': 'mmdet.ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8},
    'default_scope': 'avis',
}


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory) -> Path:
    """A checkpoint as a training run with an EMA writes it."""
    model = init_model(Config(CONFIG))
    weights = {f'module.{key}': value for key, value in model.state_dict().items()}
    path = tmp_path_factory.mktemp('run') / 'epoch_1.pth'
    content = {
        'meta': {'epoch': 1, 'cfg': 'a = 1'},
        'state_dict': weights,
        'ema_state_dict': weights,
        'optimizer': {'state': {}, 'param_groups': []},
        'param_schedulers': [],
        'message_hub': {},
    }
    torch.save(content, path)
    return path


def test_published_file_has_weights_metadata_and_hash(checkpoint: Path, tmp_path: Path) -> None:
    path = publish_checkpoint(checkpoint, tmp_path / 'new' / 'tiny.pth')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'tiny-{digest[:8]}.pth'
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    content = torch.load(path)
    assert content.keys() == {'meta', 'state_dict'}
    assert content['meta'] == {'epoch': 1, 'cfg': 'a = 1'}
    loaded = init_model(Config(CONFIG), path).state_dict()
    official = torch.load(checkpoint)['state_dict']
    assert all(torch.equal(value, official[f'module.{key}']) for key, value in loaded.items())


def test_name_depends_on_the_content_only(checkpoint: Path, tmp_path: Path) -> None:
    names = {publish_checkpoint(checkpoint, tmp_path / n / 'a.pth').name for n in ('x', 'y')}
    assert len(names) == 1


def test_view_of_a_large_tensor_is_saved_small(tmp_path: Path) -> None:
    torch.save({'state_dict': {'a': torch.zeros(100_000)[:3]}}, tmp_path / 'run.pth')
    assert publish_checkpoint(tmp_path / 'run.pth', tmp_path / 'a.pth').stat().st_size < 5000


def test_command_prints_path_and_sizes(checkpoint: Path, tmp_path: Path, capsys) -> None:
    assert main(['publish', str(checkpoint), str(tmp_path / 'a.pth')]) is None
    (path,) = tmp_path.iterdir()
    assert capsys.readouterr().out.startswith(f'{path}: ')
    with pytest.raises(FileNotFoundError, match=r'no\.pth does not exist'):
        main(['publish', 'no.pth', str(tmp_path / 'a.pth')])
