"""Names of videos become file names: readable where possible, never ambiguous."""

import os
from pathlib import Path

import pytest

from avis.utils.file_names import path_inside, safe_file_name


@pytest.mark.parametrize('name', ['talk v1.2', 'ünï 视频 🎬', 'x' * 200])
def test_valid_file_names_are_kept(name: str) -> None:
    assert safe_file_name(name) == name


@pytest.mark.parametrize(
    'name', ['', '..', '../up', 'a/b', 'a\\b', '.hidden', 'x' * 400, '視' * 84, 'a\udcff/b']
)
def test_other_names_get_a_hash(name: str) -> None:
    safe = safe_file_name(name)
    assert safe != safe_file_name(f'{name}y')
    assert not safe.startswith('.')
    assert not set(safe) & set('/\\')
    assert len(os.fsencode(safe)) <= 200
    assert safe[-9] == '-'


def test_paths_stay_inside_of_their_folder(tmp_path, monkeypatch) -> None:
    assert path_inside(tmp_path, 'a/b.png') == tmp_path / 'a' / 'b.png'
    assert path_inside(tmp_path, 'a/../..b') == tmp_path / '..b'
    monkeypatch.chdir(tmp_path)
    assert path_inside('.', 'a') == Path('a')
    for folder in (tmp_path, 'out', '.', '../x'):
        for name in ('..', '../up', 'a/../../up', '/etc/x', '', '.', 'a/..'):
            with pytest.raises(ValueError, match='leads out of it'):
                path_inside(folder, name)
