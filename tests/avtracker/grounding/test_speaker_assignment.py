import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from avis.avtracker.grounding.speaker_assignment import (
    Costs,
    MouthStatistics,
    _gains,
    assign_speakers,
)

FREE = Costs(voice=0.0, other_object=0.0, other_voice=0.0)


def owners(heard, opened, *, together=None, prior=None, told_apart=None, costs=None):
    heard, opened = np.asarray(heard, float), np.asarray(opened, float)
    shape = len(heard), len(opened)
    return assign_speakers(
        MouthStatistics.of(heard, opened),
        together=~np.eye(shape[1], dtype=bool) if together is None else together,
        prior=np.zeros(shape) if prior is None else prior,
        told_apart=np.ones(shape[0], bool) if told_apart is None else told_apart,
        costs=costs or Costs(),
    ).astype(int)


def test_moments_are_counted_in_parts_and_not_where_unknown():
    mouths = MouthStatistics.of(
        np.array([[1, 0.5, 0, 1]]), np.array([[1, 1, 1, np.nan], [0.25, 0, 0, 0]]), moment=0.5
    )
    assert mouths.heard_open.tolist() == [[0.75, 0.125]]
    assert mouths.heard_closed.tolist() == [[0, 0.375 + 0.25 + 0.5]]
    assert mouths.open.tolist() == [1.5, 0.125]
    assert mouths.closed.tolist() == [0, 1.875]


def test_the_evidence_is_the_mean_likelihood_over_both_rates():
    mouths = MouthStatistics.of(
        np.array([[1.0] * 3 + [0] * 5]), np.array([[1, 1, 0, 0, 0, 1, 0, 0.0]])
    )
    mean = lambda a, b, wide, shut: quad(  # noqa: E731
        lambda rate: beta.pdf(rate, a, b) * rate**wide * (1 - rate) ** shut, 0, 1
    )[0]
    linked = mean(3, 2, 2, 1) * mean(1, 5, 1, 4)
    found = mouths.evidence(mouths.heard_open, mouths.heard_closed)
    assert found.tolist() == [[pytest.approx(np.log(linked))]]
    assert mouths.evidence(np.zeros(1), np.zeros(1))[0] == pytest.approx(np.log(mean(1, 5, 3, 5)))


def worth(mouths, links, prior, told_apart, costs):
    """What links are worth in all, one after the other."""
    wide, shut = ((links * each).sum(axis=0) for each in (mouths.heard_open, mouths.heard_closed))
    value = mouths.evidence(wide, shut).sum() + prior[links].sum()
    for row in links:
        value -= costs.voice * row.any() + costs.other_object * max(row.sum() - 1, 0)
    return value - sum(costs.other_voice * max(n - 1, 0) for n in links[told_apart].sum(axis=0))


@pytest.mark.parametrize('seed', range(8))
def test_the_gain_of_a_change_is_what_all_links_are_worth_more(seed):
    rng = np.random.default_rng(seed)
    heard = np.eye(4)[:, rng.integers(0, 4, 30)]
    mouths = MouthStatistics.of(heard, rng.random((5, 30)))
    together = rng.random((5, 5)) < 0.4
    together = np.triu(together, 1) | np.triu(together, 1).T
    prior, told_apart, costs = rng.normal(size=(4, 5)), rng.random(4) < 0.6, Costs(0.5, 0.2, 1.0)
    links = rng.random((4, 5)) < 0.4
    settings = prior, told_apart, costs
    before = worth(mouths, links, *settings)
    more, instead = _gains(links, mouths, together, *settings)
    for voice, number in np.ndindex(4, 5):
        changed = links.copy()
        if not links[voice, number]:
            changed[voice, together[number]] = False
        changed[voice, number] ^= True
        assert more[voice, number] == pytest.approx(worth(mouths, changed, *settings) - before)
        others = links[:, number].any() and not links[voice, number]
        changed[:, number] = np.arange(4) == voice
        gain = worth(mouths, changed, *settings) - before if others else -np.inf
        assert instead[voice, number] == pytest.approx(gain)


def test_a_thousand_voices_find_their_owners():
    rng = np.random.default_rng(0)
    heard = np.repeat(np.eye(1000), 3, axis=1)
    speaker = rng.integers(0, 6, 1000)
    opened = np.repeat(speaker == np.arange(6)[:, None], 3, axis=1).astype(float)
    links = owners(heard, opened, told_apart=np.zeros(1000, bool))
    assert (links.argmax(axis=1) == speaker).all()


def test_a_voice_belongs_to_the_mouth_that_is_open_with_it():
    heard = [[1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0]]
    assert owners(heard, [[0, 0, 0, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0, 0]]).tolist() == [
        [0, 1],
        [1, 0],
    ]
    assert owners(heard, [[0, 0, 0, 1, 1, 1, 0], [0] * 7]).tolist() == [[0, 0], [1, 0]]
    assert owners(heard, [[np.nan] * 7]).tolist() == [[0], [0]]
    assert owners(heard, np.zeros((0, 7))).shape == (2, 0)
    assert owners(np.zeros((0, 7)), [[0] * 7]).shape == (0, 1)


def test_who_moves_the_mouth_all_the_time_yields_to_who_moves_it_with_the_voice():
    heard = [[1, 1, 1, 1, 0, 0, 0, 0]]
    always, with_it = [1] * 8, [1, 1, 1, 0, 0, 0, 0, 0]
    assert owners(heard, [always, with_it]).tolist() == [[0, 1]]


def test_a_voice_takes_two_objects_only_if_they_are_never_seen_at_once():
    heard = [[1, 1, 1, 1, 1, 1]]
    opened = [[1, 1, 1, *[np.nan] * 3], [*[np.nan] * 3, 1, 1, 1]]
    apart = np.zeros((2, 2), bool)
    assert owners(heard, opened, together=apart).tolist() == [[1, 1]]
    assert owners(heard, opened).sum() == 1
    dear = Costs(other_object=9.0)
    assert owners(heard, opened, together=apart, costs=dear).sum() == 1


def test_a_second_voice_of_one_object_must_be_worth_more_if_voices_are_told_apart():
    heard = [[1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0]]
    opened = [[1, 1, 1, 1, 1, 0, 0]]
    assert owners(heard, opened).tolist() == [[1], [1]]
    dear = Costs(other_voice=9.0)
    assert owners(heard, opened, costs=dear).tolist() == [[1], [0]]
    told_apart = np.array([True, False])
    assert owners(heard, opened, costs=dear, told_apart=told_apart).tolist() == [[1], [1]]


def test_looks_decide_where_mouths_say_nothing():
    heard, opened = [[1, 1, 0]], [[np.nan] * 3] * 2
    assert owners(heard, opened, prior=np.array([[0.6, 0.8]])).tolist() == [[0, 1]]
    assert owners(heard, opened, prior=np.array([[0.3, 0.4]])).tolist() == [[0, 0]]


@pytest.mark.parametrize('seed', range(6))
def test_nothing_is_better_than_what_is_found(seed):
    rng = np.random.default_rng(seed)
    turns = rng.integers(0, 4, 24)  # of three voices, or silence
    heard = np.stack([turns == voice for voice in range(3)]).astype(float)
    speaker = rng.permutation(3)
    opened = np.stack([rng.random(24) < np.where(turns == v, 0.7, 0.15) for v in speaker])
    mouths = MouthStatistics.of(heard, opened.astype(float))
    links = owners(heard, opened, costs=FREE).astype(bool)
    # Each voice of one object at most: 4 ** 3 possibilities.
    choices = itertools.product(np.vstack([np.eye(3, dtype=bool), np.zeros(3, bool)]), repeat=3)
    settings = np.zeros((3, 3)), np.ones(3, bool), FREE
    best = max(worth(mouths, np.stack(choice), *settings) for choice in choices)
    assert worth(mouths, links, *settings) == pytest.approx(best)
