"""Weights are fetched and converted; without a network one line says what to do."""

from pathlib import Path

import pytest
import torch

from avis.apis import weights
from avis.apis.weights import WeightFile, fetch_weights
from avis.cli.main import main


@pytest.fixture
def no_network(monkeypatch) -> None:
    def fail(url: str, path: Path, **options: object) -> None:
        raise ConnectionError(f'{url} cannot be fetched (offline)')

    monkeypatch.setattr(weights, 'download_file', fail)


def by_hand(url: str | None = None, **options: object) -> WeightFile:
    names = ('mine', 'data/pretrained/mine.pth', 'torchvision_resnet')
    return WeightFile(*names, 'https://example.org', 'a.pth', url, **options)


@pytest.mark.parametrize(
    ('url', 'message'),
    [
        ('https://example.org/a.pth', r'a\.pth cannot be fetched \(offline\); .* save it as .*'),
        (None, r'a\.pth has no direct address: fetch it from https://example\.org, save it as .*'),
    ],
)
def test_without_network_one_line_says_what_to_fetch(
    url: str | None, message: str, no_network, tmp_path: Path
) -> None:
    with pytest.raises(ConnectionError, match=f'{message}original.a.pth') as error:
        fetch_weights(by_hand(url), tmp_path)
    assert '\n' not in str(error.value)


def test_file_that_was_fetched_by_hand_is_checked_and_converted_once(tmp_path: Path) -> None:
    original = tmp_path / 'data/pretrained/original/a.pth'
    original.parent.mkdir(parents=True)
    torch.save({'conv1.weight': torch.ones(2), 'fc.weight': torch.zeros(1)}, original)
    with pytest.raises(ValueError, match=r'a\.pth: expected 3 bytes'):
        fetch_weights(by_hand(size=3), tmp_path)
    converted = fetch_weights(by_hand(), tmp_path)
    assert converted == tmp_path / 'data/pretrained/mine.pth'
    assert torch.load(converted)['state_dict'].keys() == {'conv1.weight'}
    original.unlink()
    assert fetch_weights(by_hand(), tmp_path) == converted


def test_command_lists_files_and_fetches_those_of_a_config(
    no_network, tmp_path: Path, capsys
) -> None:
    here = tmp_path / 'data/pretrained/vggish.pth'
    here.parent.mkdir(parents=True)
    here.touch()
    assert main(['download', '--root', str(tmp_path)]) == 0
    listed = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert listed['vggish'].split()[1] == 'here'
    assert listed['resnet50'].split()[1:4] == ['-', '103', 'MB']
    assert main(['download', 'tpavi_r50_ms3', '--root', str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == f'{here}\n'
    assert printed.err.startswith('error: resnet50: https://download.pytorch.org/')
    assert printed.err.count('\n') == 1
