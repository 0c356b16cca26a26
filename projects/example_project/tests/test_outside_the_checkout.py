"""A copy of the project in an empty folder trains and tests with the tools of avis."""

from pathlib import Path

import pytest

from tests.helpers.outside_checkout import train_and_test_copy


@pytest.mark.slow
def test_copy_trains_and_tests(tmp_path: Path) -> None:
    project = Path(__file__).resolve().parents[1]
    assert 'avs/miou' in train_and_test_copy(project, 'audio_gate_synthetic', tmp_path)
