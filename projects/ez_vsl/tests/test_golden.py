"""Embeddings, maps, prior and spectrograms equal the recorded values of the official code."""

from pathlib import Path

import pytest

from tests.helpers.golden import load_golden
from tests.parity.__main__ import load_module
from tests.parity.comparison import Comparison

GOLDEN = Path(__file__).parent / 'data' / 'ez_vsl'


@pytest.mark.slow
def test_maps_equal_the_recording() -> None:
    golden = load_golden(GOLDEN)
    comparison = Comparison(golden, cases=['eval', 'spectrogram'])
    load_module('ez').compare('ez_vsl', golden, comparison)
    comparison.check()
