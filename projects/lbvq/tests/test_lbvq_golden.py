"""LBVQ with ResNet-50 equals the recorded outputs of the official code."""

from pathlib import Path

import pytest

from tests.helpers.golden import load_golden
from tests.parity.__main__ import load_module
from tests.parity.comparison import Comparison

GOLDEN = Path(__file__).parent / 'data' / 'lbvq_r50'


@pytest.mark.slow
def test_layers_candidates_and_masks_equal_the_recording() -> None:
    golden = load_golden(GOLDEN)
    comparison = Comparison(golden, cases=['eval'])
    load_module('lbvq').compare('lbvq_r50', golden, comparison)
    comparison.check()
