import importlib

import numpy as np
import pytest

from avis.utils.compat import mmdet_trackers
from avis.utils.compat.mmdet_trackers import lapjv
from tests.helpers.subprocess_python import run_python, write_package


def test_pairs_beyond_the_limit_are_not_matched():
    cost = np.array([[0.1, 0.9, 0.5], [0.8, 0.95, 0.9]])
    total, columns, rows = lapjv(cost, cost_limit=0.7)
    assert total == pytest.approx(0.1)
    assert columns.tolist() == [0, -1]
    assert rows.tolist() == [0, -1, -1]


def test_without_a_limit_all_rows_or_columns_are_matched():
    total, columns, rows = lapjv(np.array([[5.0, 1.0], [2.0, 9.0], [7.0, 8.0]]))
    assert total == pytest.approx(3.0)
    assert columns.tolist() == [1, 0, -1]
    assert rows.tolist() == [1, 0]


def test_limit_is_compared_with_the_total_cost():
    # Making both pairs costs 0.2 + 0.9, making the best one alone 0.1 and the limit once.
    total, columns, _ = lapjv(np.array([[0.1, 0.2], [0.9, 2.0]]), cost_limit=0.8)
    assert total == pytest.approx(0.1)
    assert columns.tolist() == [0, -1]


def test_empty_costs_match_nothing():
    assert lapjv(np.zeros((0, 2)))[2].tolist() == [-1, -1]
    assert lapjv(np.zeros((2, 0)), cost_limit=1)[1].tolist() == [-1, -1]


def test_other_options_of_lap_raise():
    with pytest.raises(NotImplementedError, match='extend_cost=True'):
        lapjv(np.zeros((1, 1)), extend_cost=False)


def test_missing_motmetrics_names_the_pip_line():
    sort_tracker = importlib.import_module('mmdet.models.trackers.sort_tracker')
    with pytest.raises(ImportError, match='pip install motmetrics'):
        sort_tracker.motmetrics.lap  # noqa: B018


def test_installed_lap_is_used(tmp_path):
    lap = {'lap.py': 'def lapjv(*args, **kwargs):\n    return "compiled"\n'}
    code = 'import avis; import mmdet.models.trackers.byte_tracker as b; print(b.lap.lapjv())'
    assert run_python(code, write_package(tmp_path, lap)).strip() == 'compiled'


def test_second_install_changes_nothing():
    byte_tracker = importlib.import_module('mmdet.models.trackers.byte_tracker')
    before = byte_tracker.lap
    mmdet_trackers.install()
    assert byte_tracker.lap is before
