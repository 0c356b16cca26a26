"""Odd files are scored as by the official evaluators, or refused; see the script for many more."""

import pytest

from tests.helpers.odd_vis_files import check_one


@pytest.mark.parametrize('seed', range(12))
def test_odd_files_are_scored_officially_or_refused(tmp_path, seed: int) -> None:
    check_one(tmp_path, seed)
