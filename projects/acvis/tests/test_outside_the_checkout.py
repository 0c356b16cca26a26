"""A copy of the project in an empty folder trains and tests with the tools of avis."""

import json
from pathlib import Path

import pytest

from tests.helpers.outside_checkout import train_and_test_copy


@pytest.mark.slow
def test_copy_trains_and_tests(tmp_path: Path) -> None:
    project = Path(__file__).resolve().parents[1]
    log = train_and_test_copy(project, 'demo_acvis_synthetic', tmp_path, instances=True)
    rows = [json.loads(line) for line in log.splitlines()]
    assert all('loss_instance_cnt' in row for row in rows if 'loss' in row)
    assert any('aviseg_corrected/HOTA' in row for row in rows)
