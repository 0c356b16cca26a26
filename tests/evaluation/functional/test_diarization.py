import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avis.evaluation.functional.diarization import count_diarization, score_diarization

TIMES = st.integers(0, 40).map(lambda value: value / 4)
TURNS = st.lists(
    st.tuples(TIMES, TIMES, st.sampled_from('abc')).map(
        lambda turn: (min(turn[:2]), max(turn[:2]), turn[2])
    ),
    max_size=6,
)
SCORERS = ('corrected', 'dscore', 'md_eval', 'pyannote')
REF = [(0.0, 4.0, 'a'), (4.0, 6.0, 'b')]


def der(ref, pred, **options) -> float:
    return score_diarization([count_diarization(ref, pred, **options)])['DER']


@pytest.mark.parametrize('scorer', SCORERS)
def test_perfect_prediction_has_no_error_whatever_the_names(scorer) -> None:
    pred = [(start, end, f'speaker {name}') for start, end, name in REF]
    scores = score_diarization([count_diarization(REF, pred, scorer=scorer)])
    assert set(scores.values()) == {0.0}


@pytest.mark.parametrize('scorer', SCORERS)
def test_without_prediction_everything_is_missed(scorer) -> None:
    scores = score_diarization([count_diarization(REF, [], scorer=scorer)])
    expected = {'DER': 100, 'missed': 100, 'false_alarm': 0, 'confusion': 0, 'JER': 100}
    assert scores == pytest.approx(expected)


def test_one_speaker_for_two_is_confused_where_the_shorter_one_talks() -> None:
    counts = count_diarization(REF, [(0.0, 6.0, 'x')])
    assert (counts.total, counts.missed, counts.false_alarm) == (6, 0, 0)
    assert (counts.confusion, counts.correct) == (2, 4)
    assert counts.jaccard_error == pytest.approx(2 / 6 + 1)


def test_collar_is_the_width_of_each_side() -> None:
    pred = [(0.2, 3.9, 'x'), (3.9, 6.3, 'y')]
    assert der(REF, pred, region=[(0, 7)]) == pytest.approx(100 * (0.2 + 0.1 + 0.3) / 6)
    counts = count_diarization(REF, pred, region=[(0, 7)], collar=0.25)
    assert counts.total == pytest.approx(5)
    assert counts.false_alarm == pytest.approx(0.05)


def test_overlapping_speech_can_be_left_out() -> None:
    ref = [(0, 4, 'a'), (2, 6, 'b')]
    pred = [(0, 6, 'x')]
    assert der(ref, pred) == pytest.approx(100 * (2 + 2) / 8)
    assert der(ref, pred, skip_overlap=True) == pytest.approx(100 * 2 / 4)


def test_late_false_alarm_extends_the_default_region() -> None:
    pred = [*REF, (50, 53, 'c')]
    assert der(REF, pred) == pytest.approx(50)
    assert der(REF, pred, region=[(0, 10)]) == 0
    assert der(REF, pred, region=[(0, 3), (2, 51)]) == pytest.approx(100 / 6)


def test_own_turns_that_overlap_count_twice_for_pyannote_only() -> None:
    ref = [(0, 4, 'a'), (2, 6, 'a')]
    totals = {name: count_diarization(ref, [], scorer=name).total for name in SCORERS}
    assert totals == {'corrected': 6, 'dscore': 6, 'md_eval': 6, 'pyannote': 8}
    left = {
        name: count_diarization(ref, [], scorer=name, skip_overlap=True).total for name in SCORERS
    }
    assert left == {'corrected': 6, 'dscore': 6, 'md_eval': 4, 'pyannote': 4}


def test_map_is_sought_before_the_collar_by_md_eval_only() -> None:
    ref, pred = [(0, 6, 'a')], [(0, 2, 'p'), (2, 4, 'q'), (4, 6, 'r')]
    found = {name: count_diarization(ref, pred, scorer=name, collar=0.25) for name in SCORERS}
    confusion = {name: counts.confusion for name, counts in found.items()}
    assert confusion == {'corrected': 3.5, 'dscore': 3.75, 'md_eval': 3.75, 'pyannote': 3.5}


def test_turns_that_touch_up_to_rounding_are_joined() -> None:
    ref = [(0.0, 0.1 + 0.2, 'a'), (0.3, 2.0, 'a')]
    counts = count_diarization(ref, ref, collar=0.25)
    assert counts.total == pytest.approx(1.5)


def test_turns_without_a_gap_are_joined_when_corrected_only() -> None:
    ref = [(0, 1, 'a'), (1, 2, 'a')]
    totals = {name: count_diarization(ref, ref, scorer=name, collar=0.25).total for name in SCORERS}
    assert totals == {'corrected': 1.5, 'dscore': 1.0, 'md_eval': 1.0, 'pyannote': 1.0}


def test_recording_without_reference_speech() -> None:
    pred = [(1, 3, 'x')]
    for scorer in SCORERS:
        silent = count_diarization([], pred, scorer=scorer)
        speech = count_diarization(REF, REF, scorer=scorer)
        assert score_diarization([silent])['DER'] == 100
        assert score_diarization([silent])['JER'] == 100
        pooled = score_diarization([silent, speech])
        counted = scorer in ('corrected', 'pyannote')
        assert pooled['DER'] == pytest.approx(100 * 2 / 6 if counted else 0)
        nothing = score_diarization([count_diarization([], [], scorer=scorer)])
        assert set(nothing.values()) == {0.0}


def test_invalid_input_raises() -> None:
    with pytest.raises(ValueError, match=r"scorer must be one of .*, got 'nist'"):
        count_diarization([], [], scorer='nist')
    with pytest.raises(ValueError, match=r'collar must not be negative, got -0\.1'):
        count_diarization([], [], collar=-0.1)
    with pytest.raises(ValueError, match=r"a turn of 'a' ends at 1, before its start at 2"):
        count_diarization([(2, 1, 'a')], [])
    with pytest.raises(ValueError, match='at least one recording'):
        score_diarization([])


def sampled(ref, pred, step=0.25, end=10.0) -> tuple[float, float]:
    """Total and number of errors by sampling time, with every possible map."""
    from itertools import permutations

    times = [step * (k + 0.5) for k in range(int(end / step))]
    ref_at = [{n for s, e, n in ref if s <= t < e} for t in times]
    pred_at = [{n for s, e, n in pred if s <= t < e} for t in times]
    names = sorted({n for *_, n in ref}) + [None] * 3
    best = 0
    for chosen in permutations(names, 3):
        owners = dict(zip('abc', chosen, strict=True))
        hits = sum(
            sum(owners[p] in r for p in given if owners[p] is not None)
            for r, given in zip(ref_at, pred_at, strict=True)
        )
        best = max(best, hits)
    total = sum(map(len, ref_at))
    errors = sum(max(len(r), len(p)) for r, p in zip(ref_at, pred_at, strict=True)) - best
    return total * step, errors * step


@settings(max_examples=60)
@given(ref=TURNS, pred=TURNS)
def test_counts_equal_sampled_time_with_the_best_map(ref, pred) -> None:
    counts = count_diarization(ref, pred, region=[(0, 10)])
    total, errors = sampled(ref, pred)
    assert counts.total == pytest.approx(total)
    found = counts.missed + counts.false_alarm + counts.confusion
    assert found == pytest.approx(errors)
    assert counts.correct >= -1e-9


@settings(max_examples=40)
@given(ref=TURNS, pred=TURNS, shuffle=st.randoms(use_true_random=False))
def test_order_of_turns_and_names_do_not_matter(ref, pred, shuffle: random.Random) -> None:
    renamed = [(start, end, 'xyz'['abc'.index(name)]) for start, end, name in pred]
    once, twice = (
        count_diarization(*turns, region=[(0, 10)])
        for turns in (
            (ref, pred),
            (shuffle.sample(ref, len(ref)), shuffle.sample(renamed, len(pred))),
        )
    )
    for name in ('total', 'missed', 'false_alarm', 'confusion'):
        assert getattr(once, name) == pytest.approx(getattr(twice, name))
