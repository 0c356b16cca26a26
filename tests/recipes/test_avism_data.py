"""The data recipe of AVISM equals recorded values of the authors' code."""

import json
from pathlib import Path

import pytest

from tests.recipes.avism_data import compare

GOLDEN = Path(__file__).parents[1] / 'data' / 'recipes' / 'avism'


@pytest.fixture(scope='module')
def entries():
    return list(compare(GOLDEN))


@pytest.mark.parametrize(
    ('name', 'count'),
    [('sampling.json', 87), ('moving_crop.json', 139), ('resize_sizes.json', 804), ('layout', 183)],
)
def test_recorded_values_are_reproduced(entries, name, count) -> None:
    chosen = [entry for entry in entries if entry.name.partition(':')[0] == name]
    assert [entry for entry in chosen if not entry.ok] == []
    assert len(chosen) == count


def test_changed_value_differs(tmp_path) -> None:
    golden = json.loads((GOLDEN / 'sampling.json').read_text())
    golden['given'][1]['frames'][0] += 1
    (tmp_path / 'sampling.json').write_text(json.dumps({**golden, 'summary': []}))
    wrong = [entry.name for entry in compare(tmp_path) if not entry.ok]
    assert wrong == ['sampling.json:given/1']


def test_missing_files_are_not_compared(tmp_path) -> None:
    assert list(compare(tmp_path)) == []
