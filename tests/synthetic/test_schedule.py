from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avis.synthetic.schedule import (
    MIN_SOUNDING,
    broken,
    complement,
    dialogue,
    is_sounding,
    second_grid,
    sounding_time,
)

SEEDS = st.integers(0, 10_000)


@given(seed=SEEDS, sources=st.integers(2, 4), seconds=st.integers(1, 12))
def test_grid_turns_fill_whole_seconds_and_something_sounds(seed, sources, seconds):
    turns = second_grid(sources, seconds, np.random.default_rng(seed))
    assert len(turns) == sources
    assert any(turns)
    for own in turns:
        assert all(a == int(a) and b == int(b) and 0 <= a < b <= seconds for a, b in own)
        for second in range(seconds):
            assert sounding_time(own, second, second + 1) in (0.0, 1.0)


def test_grid_has_silent_single_and_double_seconds():
    rng = np.random.default_rng(0)
    counts = np.zeros(4, int)
    for _ in range(200):
        turns = second_grid(3, 5, rng)
        for second in range(5):
            counts[sum(is_sounding(own, second) for own in turns)] += 1
    shares = counts / counts.sum()
    assert 0.02 < shares[0] < 0.1
    assert 0.5 < shares[1] < 0.8
    assert 0.15 < shares[2] < 0.4
    assert shares[3] == 0


@given(seed=SEEDS, speakers=st.integers(1, 5), seconds=st.integers(3, 30))
def test_a_speaker_never_speaks_twice_at_once(seed, speakers, seconds):
    for own in dialogue(speakers, seconds, np.random.default_rng(seed)):
        edges = [edge for turn in own for edge in turn]
        assert edges == sorted(edges)
        assert not edges or (edges[0] >= 0 and edges[-1] <= seconds)


def test_dialogue_has_pauses_and_overlaps_and_everybody_speaks():
    turns = dialogue(3, 120, np.random.default_rng(1), overlap=0.4)
    assert all(len(own) > 2 for own in turns)
    times = np.arange(0, 120, 0.05)
    voices = sum(np.array([sounding_time(own, t, t + 0.05) > 0.02 for t in times]) for own in turns)
    assert 0.02 < np.mean(voices == 0) < 0.3  # pauses
    assert np.mean(voices == 1) > 0.5
    assert 0.02 < np.mean(voices > 1) < 0.4  # overlaps


def test_without_overlap_there_is_one_voice_at_a_time():
    turns = sorted(chain(*dialogue(3, 60, np.random.default_rng(2), overlap=0.0)))
    assert all(a[1] < b[0] for a, b in pairwise(turns))


def test_shorter_turns_are_more_turns():
    def count(length):
        return sum(map(len, dialogue(2, 60, np.random.default_rng(3), turn_length=length)))

    assert count(1.2) > 2 * count(4.5)


def test_complement_is_the_rest():
    turns = [(1.0, 2.0), (3.0, 4.0)]
    assert complement(turns, 5) == [(0.0, 1.0), (2.0, 3.0), (4.0, 5)]
    assert complement(turns, 5, rest=0.2) == [(0.2, 0.8), (2.2, 2.8), (4.2, 4.8)]
    assert complement([(0.0, 5.0)], 5) == []
    assert complement([], 5) == [(0.0, 5)]


def test_broken_turns_keep_their_ends():
    pieces = broken([(0.0, 5.0)], pause=0.5, length=1.0)
    assert len(pieces) == 4
    assert pieces[0][0] == 0
    assert pieces[-1][1] == pytest.approx(5.0)
    gaps = [b[0] - a[1] for a, b in pairwise(pieces)]
    assert gaps == pytest.approx([0.5] * 3)


def test_a_quarter_of_a_second_counts_as_sounding():
    assert is_sounding([(0.5, 0.5 + MIN_SOUNDING)], 0)
    assert not is_sounding([(0.5, 0.49 + MIN_SOUNDING)], 0)
    assert is_sounding([(0.0, 0.125), (0.5, 0.625)], 0)  # together
