import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avis.evaluation.functional.active_speaker import (
    average_precision,
    f1_by_speaker,
    precision_recall_curve,
    speaks_audibly,
)

ROWS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=20)


def plain_average_precision(scores: list[float], speaking: list[bool]) -> float:
    """Average precision of PASCAL VOC, row by row, as in the official script of AVA."""
    order = sorted(range(len(scores)), key=lambda row: -scores[row])
    hits, precision, recall = 0, [0.0], [0.0]
    for rank, row in enumerate(order, start=1):
        hits += speaking[row]
        precision.append(hits / rank)
        recall.append(hits / sum(speaking))
    precision.append(0.0)
    recall.append(1.0)
    for n in range(len(precision) - 2, -1, -1):
        precision[n] = max(precision[n], precision[n + 1])
    steps = range(1, len(recall))
    return sum((recall[n] - recall[n - 1]) * precision[n] for n in steps)


@given(rows=ROWS)
def test_official_equals_the_official_script(rows: list[tuple[int, bool]]) -> None:
    scores, speaking = (np.array(column) for column in zip(*rows, strict=True))
    got = average_precision(scores.astype(float), speaking)
    if speaking.any():
        expected = plain_average_precision(scores.tolist(), speaking.tolist())
        assert got == pytest.approx(expected, abs=1e-12)
        assert 0 <= got <= 1
    else:
        assert np.isnan(got)


@given(rows=ROWS, shuffle=st.randoms(use_true_random=False))
def test_corrected_does_not_depend_on_the_order_of_rows(
    rows: list[tuple[int, bool]], shuffle: random.Random
) -> None:
    got = []
    for order in (range(len(rows)), shuffle.sample(range(len(rows)), len(rows))):
        scores, speaking = (np.array(column) for column in zip(*rows, strict=True))
        order = list(order)
        got.append(average_precision(scores[order], speaking[order], protocol='corrected'))
    np.testing.assert_allclose(got[0], got[1], rtol=0, atol=1e-12)


def test_protocols_agree_without_equal_scores() -> None:
    rng = np.random.default_rng(0)
    scores, speaking = rng.permutation(100) / 100, rng.random(100) < 0.4
    got = [average_precision(scores, speaking, protocol=p) for p in ('official', 'corrected')]
    assert got[0] == pytest.approx(got[1], abs=1e-12)


def test_perfect_ranking_scores_1() -> None:
    assert average_precision(np.array([0.9, 0.1, 0.8]), np.array([True, False, True])) == 1


def test_no_rows_score_0() -> None:
    assert average_precision(np.zeros(0), np.zeros(0, bool)) == 0
    assert average_precision(np.zeros(0), np.zeros(0, bool), protocol='corrected') == 0


def test_f1_of_each_speaker() -> None:
    predicted = np.array([1, 1, 0, 0, 1, 0], bool)
    speaking = np.array([1, 0, 1, 0, 0, 0], bool)
    scores = f1_by_speaker(predicted, speaking, ['b', 'b', 'b', 'b', 'a', 'c'])
    assert scores == {'a': 0.0, 'b': pytest.approx(0.5), 'c': 0.0}
    with pytest.raises(ValueError, match='one length, got 1, 1 and 2'):
        f1_by_speaker(predicted[:1], speaking[:1], ['a', 'b'])


def test_inaudible_speech_does_not_count_as_speaking() -> None:
    labels = ['SPEAKING_NOT_AUDIBLE', 'SPEAKING_AUDIBLE', 'NOT_SPEAKING']
    assert speaks_audibly(labels).tolist() == [False, True, False]


def test_invalid_input_raises() -> None:
    with pytest.raises(ValueError, match=r'\(2,\) and \(3,\)'):
        precision_recall_curve(np.zeros(2), np.zeros(3, bool))
    with pytest.raises(ValueError, match='1 of 2 scores are NaN'):
        precision_recall_curve(np.array([0.5, np.nan]), np.zeros(2, bool))
