"""Whose voice is it: one decision over a whole video, from mouths that open and close.

NumPy and SciPy only. Start reading at :func:`find_owners`. Letters: V voice, N object, T frame.

A link between a voice and an object says that this object speaks while the voice is heard. Linked
or not, each object has two rates unknown beforehand: how often its mouth is open while it speaks,
and while it does not. The links chosen are those under which all mouths of the video together are
likeliest, each rate averaged over what is usual (beta-binomial), so somebody who chews all the time
or hardly moves the lips is judged by his own habits.
"""

from collections.abc import Iterator
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
        voice: The first link of a voice: below, nobody in the picture speaks.
        other_object: Another object of one voice: somebody lost and found by the tracker.
        other_voice: Another voice of one object: voices were told apart that are one.
    """

    voice: float = 0.5
    other_object: float = 0.2
    other_voice: float = 1.0


@dataclass(frozen=True)
class OpenMouths:
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
    def of(cls, heard: Values, opened: Values, moment: float = 1.0) -> 'OpenMouths':
        """Count.

        Args:
            heard: Share of each frame in which a voice is heard, (V, T).
            opened: 0 closed to 1 open, NaN unknown, (N, T).
            moment: What one frame counts for: less than 1 where neighbours say the same.
        """
        known = np.isfinite(opened)
        wide = moment * np.where(known, opened, 0.0)
        shut = moment * np.where(known, 1 - opened, 0.0)
        return cls(heard @ wide.T, heard @ shut.T, wide.sum(axis=1), shut.sum(axis=1))

    def evidence(self, links: Flags) -> Values:
        """Logarithm of how likely the mouth of each object is with these links, (N,)."""
        wide = (links * self.heard_open).sum(axis=0)
        shut = (links * self.heard_closed).sum(axis=0)
        # Voices that overlap would count a moment twice.
        wide, shut = np.minimum(wide, self.open), np.minimum(shut, self.closed)
        speaking = _likelihood(wide, shut, _SPEAKING)
        return speaking + _likelihood(self.open - wide, self.closed - shut, _SILENT)


def _likelihood(wide: Values, shut: Values, usual: tuple[float, float]) -> Values:
    evidence: Values = betaln(usual[0] + wide, usual[1] + shut) - betaln(*usual)
    return evidence


def find_owners(
    mouths: OpenMouths, *, together: Flags, prior: Values, told_apart: Flags, costs: Costs
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

    def worth(links: Flags) -> float:
        voices, objects = links[told_apart].sum(axis=0), links.sum(axis=1)
        spent = costs.voice * (objects > 0).sum()
        spent += costs.other_object * np.maximum(objects - 1, 0).sum()
        spent += costs.other_voice * np.maximum(voices - 1, 0).sum()
        return float(mouths.evidence(links).sum() + prior[links].sum() - spent)

    links = np.zeros(prior.shape, bool)
    best = worth(links)
    while True:
        found = [(worth(changed), changed) for changed in _changes(links, together)]
        gained, changed = max(found, key=lambda each: each[0], default=(best, links))
        if gained <= best + 1e-9:
            return links
        best, links = gained, changed


def _changes(links: Flags, together: Flags) -> Iterator[Flags]:
    """All links after one change: a link less, one more, or one that another voice gives up."""
    for voice, number in np.ndindex(*links.shape):
        changed = links.copy()
        if links[voice, number]:
            changed[voice, number] = False
            yield changed
            continue
        changed[voice, together[number]] = False
        changed[voice, number] = True
        yield changed
        if links[:, number].any():
            taken = changed.copy()
            taken[:, number] = False
            taken[voice, number] = True
            yield taken
