"""Losses, layers and logits equal the recorded values of the official code."""

from pathlib import Path

import pytest

from tests.helpers.golden import load_golden
from tests.parity.__main__ import load_module
from tests.parity.comparison import Comparison

GOLDEN = Path(__file__).parent / 'data' / 'avsegformer_s4_r50'


def test_losses_and_their_gradients_equal_the_recording() -> None:
    golden = load_golden('models/avsbench_losses')
    comparison = Comparison(golden)
    load_module('avsegformer').compare('avsegformer_losses', golden, comparison)
    comparison.check()


@pytest.mark.slow
def test_layers_and_logits_equal_the_recording() -> None:
    golden = load_golden(GOLDEN)
    comparison = Comparison(golden, cases=['eval'])
    load_module('avsegformer').compare('avsegformer_s4_r50', golden, comparison)
    comparison.check()
