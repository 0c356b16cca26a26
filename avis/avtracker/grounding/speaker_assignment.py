"""Whose voice is it: one decision over a whole video, from mouths that open and close.

NumPy and SciPy only. Start reading at :func:`assign_speakers`. Letters: V voice, N object, T frame.

A link between a voice and an object says that this object speaks while the voice is heard. Linked
or not, each object has two rates unknown beforehand: how often its mouth is open while it speaks,
and while it does not. The links chosen are those under which all mouths of the video together are
likeliest, each rate averaged over what is usual (beta-binomial), so somebody who chews all the time
or hardly moves the lips is judged by his own habits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]

# What is known of mouths before any is seen, as moments open and closed: open in 3 of 5 moments of
# speech, in 1 of 6 without.
_SPEAKING, _SILENT = (3.0, 2.0), (1.0, 5.0)


@dataclass(frozen=True)
class Costs:
    """What a link must be worth, in natural logarithms of odds.

    Args:
        voice: The first link of a voice: below, nobody in the image speaks.
        other_object: Another object of one voice: somebody lost and found by the tracker.
        other_voice: Another voice of one object: voices were told apart that are one.
    """

    voice: float = 0.5
    other_object: float = 0.2
    other_voice: float = 1.0


@dataclass(frozen=True)
class MouthStatistics:
    """Moments, in which mouths are open and closed; a moment may count in part.

    Args:
        heard_open: While a voice is heard, (V, N).
        heard_closed: The same of closed mouths.
        open: In all of the video, (N,).
        closed: The same of closed mouths.
    """

    heard_open: Values
    heard_closed: Values
    open: Values
    closed: Values

    @classmethod
    def of(cls, heard: Values, opened: Values, moment: float = 1.0) -> 'MouthStatistics':
        """Count.

        Args:
            heard: Share of each frame in which a voice is heard, (V, T).
            opened: 0 closed to 1 open, NaN unknown, (N, T).
            moment: What one frame counts for: less than 1 where neighbors say the same.
        """
        known = np.isfinite(opened)
        wide = moment * np.where(known, opened, 0.0)
        shut = moment * np.where(known, 1 - opened, 0.0)
        return cls(heard @ wide.T, heard @ shut.T, wide.sum(axis=1), shut.sum(axis=1))

    def evidence(self, wide: Values, shut: Values) -> Values:
        """Logarithm of how likely mouths are that were open and closed so often in speech.

        Args:
            wide: Moments of speech with an open mouth, (..., N).
            shut: The same with a closed mouth.
        """
        # Voices that overlap would count a moment twice.
        wide, shut = np.minimum(wide, self.open), np.minimum(shut, self.closed)
        speaking = _likelihood(wide, shut, _SPEAKING)
        return speaking + _likelihood(self.open - wide, self.closed - shut, _SILENT)


def _likelihood(wide: Values, shut: Values, usual: tuple[float, float]) -> Values:
    evidence: Values = betaln(usual[0] + wide, usual[1] + shut) - betaln(*usual)
    return evidence


def assign_speakers(
    mouths: MouthStatistics, *, together: Flags, prior: Values, told_apart: Flags, costs: Costs
) -> Flags:
    """Link voices to objects, one change after the other while that makes all likelier.

    Args:
        mouths: What was seen.
        together: Which objects are ever seen in one frame, (N, N): they are two persons, so a
            voice is linked to one of them at most.
        prior: What else speaks for a link, as logarithm of odds, (V, N).
        told_apart: Voices that were told apart from others, (V,): ``other_voice`` is for these.
        costs: What a link must be worth.

    Returns:
        Links (V, N).
    """
    links = np.zeros(prior.shape, bool)
    while links.size:
        more, instead = _gains(links, mouths, together, prior, told_apart, costs)
        best = max(more.max(), instead.max())
        if best <= 1e-9:
            break
        taken = instead.max() == best
        voice, number = np.unravel_index((instead if taken else more).argmax(), links.shape)
        linked = not links[voice, number]
        links[voice, together[number] & linked] = False
        if taken:
            links[:, number] = False
        links[voice, number] = linked
    return links


def _gains(
    links: Flags,
    mouths: MouthStatistics,
    together: Flags,
    prior: Values,
    told_apart: Flags,
    costs: Costs,
) -> tuple[Values, Values]:
    """What each change of one link is worth, (V, N) twice.

    First: a link less, or one more, for which the voice gives up objects that are seen with the new
    one. Second: one more, for which the other voices give up the object too.
    """
    objects, voices = links.sum(axis=1), links[told_apart].sum(axis=0)
    wide, shut = (links * mouths.heard_open).sum(axis=0), (links * mouths.heard_closed).sum(axis=0)
    now = mouths.evidence(wide, shut)
    sign = np.where(links, -1, 1)
    one = mouths.evidence(wide + sign * mouths.heard_open, shut + sign * mouths.heard_closed) - now
    one += sign * prior - _crowd(voices + sign * told_apart[:, None], costs) + _crowd(voices, costs)
    given_up = (links * one) @ together
    spent = _spent(objects, costs)[:, None]
    left = objects[:, None] + 1 - links.astype(int) @ together
    more = np.where(
        links,
        one - _spent(objects[:, None] - 1, costs) + spent,
        one + given_up - _spent(left, costs) + spent,
    )
    only = mouths.evidence(mouths.heard_open, mouths.heard_closed) - now + prior
    only += _crowd(voices, costs) - (links * prior).sum(axis=0)
    freed = links.T @ (_spent(objects, costs) - _spent(objects - 1, costs))
    instead = only + given_up - _spent(left, costs) + spent + freed
    return more, np.where(links | ~links.any(axis=0), -np.inf, instead)


def _spent(objects: NDArray[np.int64], costs: Costs) -> Values:
    """The costs of voices with so many objects."""
    return costs.voice * (objects > 0) + costs.other_object * np.maximum(objects - 1, 0)


def _crowd(voices: NDArray[np.int64], costs: Costs) -> Values:
    """The costs of objects with so many voices."""
    return costs.other_voice * np.maximum(voices - 1, 0)
