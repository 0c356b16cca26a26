import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from avis.avtracker.grounding.speaker_assignment import (
    LinkCosts,
    MouthStatistics,
    _gains,
    assign_speakers,
)

FREE = LinkCosts(first_object=0.0, other_object=0.0, other_speaker=0.0)


def assign(speech, opening, *, together=None, prior=None, diarized=None, costs=None):
    speech, opening = np.asarray(speech, float), np.asarray(opening, float)
    shape = len(speech), len(opening)
    return assign_speakers(
        MouthStatistics.count(speech, opening),
        seen_together=~np.eye(shape[1], dtype=bool) if together is None else together,
        prior=np.zeros(shape) if prior is None else prior,
        diarized=np.ones(shape[0], bool) if diarized is None else diarized,
        costs=costs or LinkCosts(),
    ).astype(int)


def test_partial_moments_are_counted_and_unknown_ones_are_not():
    mouths = MouthStatistics.count(
        np.array([[1, 0.5, 0, 1]]), np.array([[1, 1, 1, np.nan], [0.25, 0, 0, 0]]), weight=0.5
    )
    assert mouths.speech_open.tolist() == [[0.75, 0.125]]
    assert mouths.speech_closed.tolist() == [[0, 0.375 + 0.25 + 0.5]]
    assert mouths.open.tolist() == [1.5, 0.125]
    assert mouths.closed.tolist() == [0, 1.875]


def test_evidence_is_the_likelihood_averaged_over_both_rates():
    mouths = MouthStatistics.count(
        np.array([[1.0] * 3 + [0] * 5]), np.array([[1, 1, 0, 0, 0, 1, 0, 0.0]])
    )
    mean = lambda a, b, opened, closed: quad(  # noqa: E731
        lambda rate: beta.pdf(rate, a, b) * rate**opened * (1 - rate) ** closed, 0, 1
    )[0]
    linked = mean(3, 2, 2, 1) * mean(1, 5, 1, 4)
    evidence = mouths.log_evidence(mouths.speech_open, mouths.speech_closed)
    assert evidence.tolist() == [[pytest.approx(np.log(linked))]]
    assert mouths.log_evidence(np.zeros(1), np.zeros(1))[0] == pytest.approx(
        np.log(mean(1, 5, 3, 5))
    )


def total_gain(mouths, links, prior, diarized, costs):
    """The total gain of all links."""
    opened, closed = (
        (links * each).sum(axis=0) for each in (mouths.speech_open, mouths.speech_closed)
    )
    value = mouths.log_evidence(opened, closed).sum() + prior[links].sum()
    for row in links:
        value -= costs.first_object * row.any() + costs.other_object * max(row.sum() - 1, 0)
    return value - sum(costs.other_speaker * max(n - 1, 0) for n in links[diarized].sum(axis=0))


@pytest.mark.parametrize('seed', range(8))
def test_gain_of_a_change_equals_the_difference_of_total_gains(seed):
    rng = np.random.default_rng(seed)
    speech = np.eye(4)[:, rng.integers(0, 4, 30)]
    mouths = MouthStatistics.count(speech, rng.random((5, 30)))
    together = rng.random((5, 5)) < 0.4
    together = np.triu(together, 1) | np.triu(together, 1).T
    prior, diarized, costs = rng.normal(size=(4, 5)), rng.random(4) < 0.6, LinkCosts(0.5, 0.2, 1.0)
    links = rng.random((4, 5)) < 0.4
    settings = prior, diarized, costs
    before = total_gain(mouths, links, *settings)
    toggle, move = _gains(links, mouths, together, *settings)
    for speaker, obj in np.ndindex(4, 5):
        changed = links.copy()
        if not links[speaker, obj]:
            changed[speaker, together[obj]] = False
        changed[speaker, obj] ^= True
        assert toggle[speaker, obj] == pytest.approx(
            total_gain(mouths, changed, *settings) - before
        )
        others = links[:, obj].any() and not links[speaker, obj]
        changed[:, obj] = np.arange(4) == speaker
        gain = total_gain(mouths, changed, *settings) - before if others else -np.inf
        assert move[speaker, obj] == pytest.approx(gain)


def test_thousand_speakers_are_assigned_correctly():
    rng = np.random.default_rng(0)
    speech = np.repeat(np.eye(1000), 3, axis=1)
    speaker = rng.integers(0, 6, 1000)
    opened = np.repeat(speaker == np.arange(6)[:, None], 3, axis=1).astype(float)
    links = assign(speech, opened, diarized=np.zeros(1000, bool))
    assert (links.argmax(axis=1) == speaker).all()


def test_speaker_is_assigned_to_the_mouth_that_is_open_during_speech():
    speech = [[1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0]]
    assert assign(speech, [[0, 0, 0, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0, 0]]).tolist() == [
        [0, 1],
        [1, 0],
    ]
    assert assign(speech, [[0, 0, 0, 1, 1, 1, 0], [0] * 7]).tolist() == [[0, 0], [1, 0]]
    assert assign(speech, [[np.nan] * 7]).tolist() == [[0], [0]]
    assert assign(speech, np.zeros((0, 7))).shape == (2, 0)
    assert assign(np.zeros((0, 7)), [[0] * 7]).shape == (0, 1)


def test_mouth_that_is_always_open_loses_against_one_that_follows_the_speech():
    speech = [[1, 1, 1, 1, 0, 0, 0, 0]]
    always, with_it = [1] * 8, [1, 1, 1, 0, 0, 0, 0, 0]
    assert assign(speech, [always, with_it]).tolist() == [[0, 1]]


def test_speaker_gets_two_objects_only_if_they_are_never_seen_together():
    speech = [[1, 1, 1, 1, 1, 1]]
    opened = [[1, 1, 1, *[np.nan] * 3], [*[np.nan] * 3, 1, 1, 1]]
    apart = np.zeros((2, 2), bool)
    assert assign(speech, opened, together=apart).tolist() == [[1, 1]]
    assert assign(speech, opened).sum() == 1
    high = LinkCosts(other_object=9.0)
    assert assign(speech, opened, together=apart, costs=high).sum() == 1


def test_second_diarized_speaker_of_one_object_costs_more():
    speech = [[1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0]]
    opened = [[1, 1, 1, 1, 1, 0, 0]]
    assert assign(speech, opened).tolist() == [[1], [1]]
    high = LinkCosts(other_speaker=9.0)
    assert assign(speech, opened, costs=high).tolist() == [[1], [0]]
    diarized = np.array([True, False])
    assert assign(speech, opened, costs=high, diarized=diarized).tolist() == [[1], [1]]


def test_prior_decides_if_mouths_are_unknown():
    speech, opened = [[1, 1, 0]], [[np.nan] * 3] * 2
    assert assign(speech, opened, prior=np.array([[0.6, 0.8]])).tolist() == [[0, 1]]
    assert assign(speech, opened, prior=np.array([[0.3, 0.4]])).tolist() == [[0, 0]]


@pytest.mark.parametrize('seed', range(6))
def test_greedy_assignment_finds_the_optimum(seed):
    rng = np.random.default_rng(seed)
    active = rng.integers(0, 4, 24)  # three speakers, or silence
    speech = np.stack([active == speaker for speaker in range(3)]).astype(float)
    order = rng.permutation(3)
    opened = np.stack([rng.random(24) < np.where(active == s, 0.7, 0.15) for s in order])
    mouths = MouthStatistics.count(speech, opened.astype(float))
    links = assign(speech, opened, costs=FREE).astype(bool)
    # At most one object per speaker: 4 ** 3 possibilities.
    choices = itertools.product(np.vstack([np.eye(3, dtype=bool), np.zeros(3, bool)]), repeat=3)
    settings = np.zeros((3, 3)), np.ones(3, bool), FREE
    best = max(total_gain(mouths, np.stack(choice), *settings) for choice in choices)
    assert total_gain(mouths, links, *settings) == pytest.approx(best)
