from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avis.synthetic.schedule import (
    MIN_SOUNDING,
    choose_audible,
    complement,
    is_sounding,
    plan_dialogue,
    plan_full_seconds,
    plan_one_after_another,
    sounding_time,
    split_turns,
)

SEEDS = st.integers(0, 10_000)


@given(seed=SEEDS, sources=st.integers(2, 4), seconds=st.integers(1, 12))
def test_full_second_turns_are_whole_and_not_all_empty(seed, sources, seconds):
    turns = plan_full_seconds(sources, seconds, np.random.default_rng(seed))
    assert len(turns) == sources
    assert any(turns)
    for own in turns:
        assert all(a == int(a) and b == int(b) and 0 <= a < b <= seconds for a, b in own)
        for second in range(seconds):
            assert sounding_time(own, second, second + 1) in (0.0, 1.0)


@given(seed=SEEDS, sources=st.integers(1, 4), seconds=st.integers(1, 12))
def test_sources_sound_one_after_another(seed, sources, seconds):
    turns = plan_one_after_another(sources, seconds, np.random.default_rng(seed))
    assert [len(own) for own in turns] == [1] * sources
    ordered = sorted(chain(*turns))
    assert ordered[0][0] > 0
    assert ordered[-1][1] < seconds
    assert all(before[1] < after[0] for before, after in pairwise(ordered))


def test_full_second_turns_have_zero_to_two_sources():
    rng = np.random.default_rng(0)
    counts = np.zeros(4, int)
    for _ in range(200):
        turns = plan_full_seconds(3, 5, rng)
        for second in range(5):
            counts[sum(is_sounding(own, second) for own in turns)] += 1
    shares = counts / counts.sum()
    assert 0.02 < shares[0] < 0.1
    assert 0.5 < shares[1] < 0.8
    assert 0.15 < shares[2] < 0.4
    assert shares[3] == 0


@given(seed=SEEDS, speakers=st.integers(1, 5), seconds=st.integers(3, 30))
def test_turns_of_one_speaker_do_not_overlap(seed, speakers, seconds):
    for own in plan_dialogue(speakers, seconds, np.random.default_rng(seed)):
        edges = [edge for turn in own for edge in turn]
        assert edges == sorted(edges)
        assert not edges or (edges[0] >= 0 and edges[-1] <= seconds)


def test_dialogue_has_pauses_overlaps_and_all_speakers():
    turns = plan_dialogue(3, 120, np.random.default_rng(1), overlap=0.4)
    assert all(len(own) > 2 for own in turns)
    times = np.arange(0, 120, 0.05)
    voices = sum(np.array([sounding_time(own, t, t + 0.05) > 0.02 for t in times]) for own in turns)
    assert 0.02 < np.mean(voices == 0) < 0.3  # pauses
    assert np.mean(voices == 1) > 0.5
    assert 0.02 < np.mean(voices > 1) < 0.4  # overlaps


def test_zero_overlap_separates_all_turns():
    turns = sorted(chain(*plan_dialogue(3, 60, np.random.default_rng(2), overlap=0.0)))
    assert all(a[1] < b[0] for a, b in pairwise(turns))


def test_shorter_turns_are_more_turns():
    def count(length):
        return sum(map(len, plan_dialogue(2, 60, np.random.default_rng(3), turn_length=length)))

    assert count(1.2) > 2 * count(4.5)


def test_complement_covers_the_remaining_time():
    turns = [(1.0, 2.0), (3.0, 4.0)]
    assert complement(turns, 5) == [(0.0, 1.0), (2.0, 3.0), (4.0, 5)]
    assert complement(turns, 5, rest=0.2) == [(0.2, 0.8), (2.2, 2.8), (4.2, 4.8)]
    assert complement([(0.0, 5.0)], 5) == []
    assert complement([], 5) == [(0.0, 5)]


def test_split_turns_keep_start_and_end():
    pieces = split_turns([(0.0, 5.0)], pause=0.5, length=1.0)
    assert len(pieces) == 4
    assert pieces[0][0] == 0
    assert pieces[-1][1] == pytest.approx(5.0)
    gaps = [b[0] - a[1] for a, b in pairwise(pieces)]
    assert gaps == pytest.approx([0.5] * 3)


def test_a_quarter_of_a_second_counts_as_sounding():
    assert is_sounding([(0.5, 0.5 + MIN_SOUNDING)], 0)
    assert not is_sounding([(0.5, 0.49 + MIN_SOUNDING)], 0)
    assert is_sounding([(0.0, 0.125), (0.5, 0.625)], 0)  # together


def test_audible_turns_are_some_of_the_turns_and_overlap_less():
    rng = np.random.default_rng(0)
    overlaps = np.zeros(2)  # of all turns, of the audible ones
    for _ in range(200):
        turns = [plan_dialogue(1, 6, rng, 2.0)[0] for _ in range(3)]
        audible = choose_audible(turns, rng)
        assert any(audible)
        for own, chosen in zip(turns, audible, strict=True):
            assert chosen == [turn for turn in own if turn in chosen]
        for k, (first, *others) in enumerate((turns, audible)):
            overlaps[k] += sum(sounding_time([*chain(*others)], *turn) for turn in first)
    assert 0 < overlaps[1] < 0.2 * overlaps[0]


def test_the_motion_of_a_mouth_does_not_tell_its_audible_turns():
    rng = np.random.default_rng(0)
    flags, lengths = [], []
    for _ in range(2000):
        (turns,) = plan_dialogue(1, 6, rng, 2.0)
        (chosen,) = choose_audible([turns], rng)
        flags += [turn in chosen for turn in turns]
        lengths += [end - start for start, end in turns]
    audible, is_long = np.array(flags), np.array(lengths) > np.median(lengths)
    assert audible[is_long].mean() == pytest.approx(audible[~is_long].mean(), abs=0.04)
