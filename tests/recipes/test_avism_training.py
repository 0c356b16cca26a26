"""The training recipe of AVISM equals recorded values of the authors' code."""

import json
import shutil
from pathlib import Path

import pytest

from tests.recipes.avism_training import compare

GOLDEN = Path(__file__).parents[1] / 'data' / 'recipes' / 'avism'


@pytest.mark.parametrize(
    ('file', 'count'),
    [
        ('presence.json', 36),
        pytest.param('init_r50.npz', 2134, marks=pytest.mark.slow),
        pytest.param('avism_r50_recipes/golden.npz', 46, marks=pytest.mark.slow),
    ],
)
def test_recorded_values_are_reproduced(tmp_path, file, count) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    shutil.copy(GOLDEN / file, tmp_path / file)
    entries = list(compare(tmp_path))
    assert [entry for entry in entries if not entry.ok] == []
    assert len(entries) == count


def test_changed_value_differs(tmp_path) -> None:
    recorded = json.loads((GOLDEN / 'presence.json').read_text())
    recorded['cases'][1]['frames'][2][0][1] = 3
    (tmp_path / 'presence.json').write_text(json.dumps(recorded))
    wrong = [entry.name for entry in compare(tmp_path) if not entry.ok]
    assert wrong == ['presence.json:cases/1/frames']


def test_missing_files_are_not_compared(tmp_path) -> None:
    assert list(compare(tmp_path)) == []
