"""Any combination of components works, or its config is refused with one sentence."""

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.combination_runs import PAGE, page, refusals, run_combination
from tests.helpers.combinations import Combination, covering_combinations, make_data


def quick_combinations() -> set[Combination]:
    """The first combination of each segmentor and tracker; the others run with the slow tests."""
    chosen: dict[str, Combination] = {}
    for combination in covering_combinations():
        chosen.setdefault(combination.segmentor, combination)
        chosen.setdefault(combination.tracker, combination)
    return set(chosen.values())


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    return make_data(tmp_path_factory.mktemp('combinations'))


@pytest.mark.parametrize(
    'combination',
    [
        pytest.param(
            combination,
            id='-'.join(combination),
            marks=[] if combination in quick_combinations() else pytest.mark.slow,
        )
        for combination in covering_combinations()
    ],
)
def test_combination_trains_a_step_predicts_and_is_scored(
    combination: Combination, data: Path, tmp_path: Path
) -> None:
    scores = run_combination(combination, data, tmp_path)
    assert scores
    assert all(np.isfinite(value) or np.isnan(value) for value in scores.values())


def test_page_lists_all_combinations_and_refused_pairs(data: Path, tmp_path: Path) -> None:
    assert PAGE.read_text() == page(refusals(data, tmp_path))
