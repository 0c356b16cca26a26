from pathlib import Path

import pytest

from avis.report.results import MethodResult, load_results
from benchmarks.report_data import write_results


@pytest.fixture(scope='session')
def results_folder(tmp_path_factory) -> Path:
    """Results of two methods on six videos; one has a hostile name."""
    folder = tmp_path_factory.mktemp('report') / 'evaluation'
    write_results(folder, 6)
    return folder


@pytest.fixture(scope='session')
def methods(results_folder: Path) -> list[MethodResult]:
    return load_results([results_folder])
