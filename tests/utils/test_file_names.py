"""Names of videos become file names: readable where possible, never ambiguous."""

import os

import pytest

from avis.utils.file_names import safe_file_name


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
