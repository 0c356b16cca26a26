"""The figures of the real talk; tracking and scoring are tested with the components."""

import numpy as np
import pytest


@pytest.fixture
def benchmark(import_benchmark):
    return import_benchmark('real_talk')


def test_every_moment_is_speech_a_pause_or_the_start(benchmark):
    found = benchmark.phases(np.array([0.5, 1.2, 2.0, 2.5, 4.0, 8.2]))
    assert np.sum(list(found.values()), axis=0).tolist() == [1] * 6
    assert np.flatnonzero(found['speech']).tolist() == [1, 3, 5]
    assert np.flatnonzero(found['start']).tolist() == [0]


def test_coverage_counts_the_right_person_by_phase(benchmark):
    shown = np.zeros((2, 9), bool)
    shown[1, [1, 2, 4]] = True  # at 1.5, 2.5 and 4.5 s
    shown[0, 0] = True
    assert benchmark.coverage(shown, 1.0) == (
        'speech 50 %, pauses 0 %, start 0 %, silent person 11 %'
    )
