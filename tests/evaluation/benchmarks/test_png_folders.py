"""Folders that are links, cannot be read, or lead back to themselves."""

import os
from pathlib import Path

import numpy as np
import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.png_folders import find_clips, list_folders, list_pngs
from tests.helpers.small_sets import write_avsbench, write_avtrack


def link(folder: Path, away: Path) -> None:
    """Move a folder away, and leave a link to it."""
    away.parent.mkdir(exist_ok=True)
    folder.rename(away)
    folder.symlink_to(away, target_is_directory=True)


@pytest.mark.parametrize('sides', [('gt',), ('pred',), ('gt', 'pred')])
def test_links_to_folders_are_followed(tmp_path: Path, sides) -> None:
    gt, pred = write_avsbench(tmp_path / 'data', clips=3)
    intact = evaluate('avsbench', gt, pred)
    for side in sides:
        link({'gt': gt, 'pred': pred}[side] / 'dog' / 'clip0', tmp_path / 'away' / side)
    linked = evaluate('avsbench', gt, pred)
    assert linked['per_video'] == intact['per_video']
    assert linked['problems'] == []


def test_links_of_avtrack_are_followed(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    write_avtrack(data, videos=2)
    intact = evaluate('avtrack', data, data / 'pred')
    name = next(iter(intact['per_video']))
    for folder in ('pred', 'Instance_Masks_merged'):
        link(data / folder / name, tmp_path / 'away' / folder)
    np.testing.assert_equal(
        evaluate('avtrack', data, data / 'pred')['per_video'], intact['per_video']
    )


@pytest.fixture
def unreadable(monkeypatch) -> Path:
    """A folder name that cannot be read, also not by the administrator."""
    scandir = os.scandir

    def fail(path: str) -> object:
        if Path(path).name == 'closed':
            raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', fail)
    return Path('closed')


@pytest.mark.parametrize('read', [find_clips, list_folders, list_pngs])
def test_folder_that_cannot_be_read_is_an_error(tmp_path: Path, unreadable, read) -> None:
    (tmp_path / unreadable).mkdir()
    with pytest.raises(ValueError, match='closed cannot be read: Permission denied'):
        read(tmp_path / unreadable if read is not find_clips else tmp_path)


@pytest.mark.parametrize('read', [find_clips, list_folders])
def test_link_to_nothing_is_an_error(tmp_path: Path, read) -> None:
    (tmp_path / 'a').symlink_to(tmp_path / 'gone')
    with pytest.raises(ValueError, match=r'a is a link to .*gone, which does not exist'):
        read(tmp_path)


def test_link_to_a_folder_above_is_an_error(tmp_path: Path) -> None:
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'loop').symlink_to(tmp_path)
    with pytest.raises(ValueError, match=r'loop is a link to .*, a folder that contains it'):
        find_clips(tmp_path)
