"""The newest checkpoint that can be read is found, and a damaged one never taken."""

import shutil
from pathlib import Path

import pytest
import torch

from avis.engine.resume import (
    check_resumable,
    check_training_state,
    find_resumable,
    is_complete,
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A work folder with three checkpoints and one that a user put there."""
    for name in ('epoch_2.pth', 'epoch_10.pth', 'epoch_9.pth', 'best_avs_miou_epoch_11.pth'):
        torch.save({'weights': torch.arange(1000)}, tmp_path / name)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_10.pth'))
    return tmp_path


def test_latest_checkpoint_is_found(run: Path) -> None:
    assert find_resumable(run) == (
        run / 'epoch_10.pth',
        f'Resuming from {run / "epoch_10.pth"}.',
    )


@pytest.mark.parametrize('damage', ['truncated', 'flipped', 'missing', 'empty'])
def test_older_checkpoint_replaces_a_damaged_latest_one(run: Path, damage: str) -> None:
    latest = run / 'epoch_10.pth'
    content = bytearray(latest.read_bytes())
    if damage == 'truncated':
        latest.write_bytes(content[:-100])
    elif damage == 'flipped':
        content[content.index(torch.arange(1000).numpy().tobytes()) + 8] ^= 1
        latest.write_bytes(content)
    elif damage == 'missing':
        latest.unlink()
    else:
        latest.write_bytes(b'')
    assert not is_complete(latest)
    path, message = find_resumable(run)
    assert path == run / 'epoch_9.pth'
    assert 'epoch_10.pth is missing, truncated or damaged' in message
    if damage != 'missing':
        with pytest.raises(ValueError, match=r'epoch_10\.pth is truncated .*epoch_9\.pth\.'):
            check_resumable(latest)


@pytest.mark.parametrize('pointer', [None, '', '/elsewhere/before/it/was/moved/epoch_10.pth'])
def test_moved_folder_and_lost_last_checkpoint_are_resumed(run: Path, pointer) -> None:
    (run / 'last_checkpoint').unlink()
    if pointer is not None:
        (run / 'last_checkpoint').write_text(pointer)
    assert find_resumable(run)[0] == run / 'epoch_10.pth'


def test_copied_folder_resumes_from_its_own_files(run: Path, tmp_path_factory) -> None:
    copy = tmp_path_factory.mktemp('copies') / 'copy'
    shutil.copytree(run, copy)
    assert find_resumable(copy)[0] == copy / 'epoch_10.pth'


def test_run_without_checkpoints_starts_anew(tmp_path: Path) -> None:
    path, message = find_resumable(tmp_path / 'new')
    assert path is None
    assert 'starting a new run' in message


def test_unreadable_checkpoints_are_an_error(run: Path) -> None:
    for path in run.glob('*.pth'):
        path.write_bytes(b'PK')
    with pytest.raises(ValueError, match=r'No checkpoint in .* can be read'):
        find_resumable(run)
    with pytest.raises(ValueError, match='contains no other one'):
        check_resumable(run / 'epoch_9.pth')


def test_missing_file_is_named(run: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'epoch_77\.pth'):
        check_resumable(run / 'epoch_77.pth')
    assert check_resumable(run / 'epoch_2.pth') == run / 'epoch_2.pth'


def test_code_in_the_metadata_is_refused() -> None:
    names = ('log_scalars', 'runtime_info', 'resumed_keys')
    content = {
        'meta': {'epoch': 1, 'iter': 1},
        'state_dict': {},
        'message_hub': {name: {} for name in names},
        'optimizer': {'param_groups': [], 'state': {}},
    }
    assert check_training_state(content, 'a.pth') == content['meta']
    content['meta']['config'] = 'import os'
    with pytest.raises(ValueError, match=r'a\.pth: expected no entry meta\.config, which is code'):
        check_training_state(content, 'a.pth')
