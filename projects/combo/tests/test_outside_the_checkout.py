"""A copy of the project in an empty folder trains and tests with the tools of avis."""

from pathlib import Path

import pytest

from tests.helpers.outside_checkout import train_and_test_copy


@pytest.mark.slow
def test_copy_trains_and_tests(tmp_path: Path) -> None:
    project = Path(__file__).resolve().parents[1]
    log = train_and_test_copy(project, 'demo_combo_synthetic', tmp_path)
    assert 'loss_cosine_0' in log
    assert 'avs/miou' in log
