"""COMBO with ResNet-50 equals the recorded outputs of the official code."""

from pathlib import Path

import pytest

from tests.helpers.golden import load_golden
from tests.parity.__main__ import load_module
from tests.parity.comparison import Comparison

GOLDEN = Path(__file__).parent / 'data' / 'combo_s4_r50'


@pytest.mark.slow
def test_layers_scores_and_labels_equal_the_recording() -> None:
    golden = load_golden(GOLDEN)
    comparison = Comparison(golden)
    load_module('combo').compare('combo_s4_r50', golden, comparison)
    comparison.check()
