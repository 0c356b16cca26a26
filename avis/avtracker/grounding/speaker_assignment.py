"""Assignment of audible speakers to visible objects, from mouth statistics.

NumPy and SciPy only. Start reading at :func:`assign_speakers`. Letters: S speaker (a voice of the
diarization), N object, T frame.

A link between a speaker and an object states that this object is seen speaking while the speaker
speaks. Each object has two unknown rates: how often its mouth is open while it speaks, and while
it does not. The chosen links maximize the likelihood of all mouths in the video, with each rate
marginalized over a prior (beta-binomial). A person who chews all the time or hardly moves their
lips is therefore judged relative to their own habits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

_Bools = NDArray[np.bool_]
_Floats = NDArray[np.float64]

# Priors of the two rates, as counts of open and closed moments: open in 3 of 5 moments of speech,
# in 1 of 6 moments without.
_SPEAKING, _SILENT = (3.0, 2.0), (1.0, 5.0)


@dataclass(frozen=True)
class LinkCosts:
    """Minimum gain of a link, in natural log odds.

    Args:
        first_object: Of the first link of a speaker; below, the speaker is not visible.
        other_object: Of each further object of one speaker: a person whose track was interrupted.
        other_speaker: Of each further speaker of one object: a voice that the diarization split.
    """

    first_object: float = 0.5
    other_object: float = 0.2
    other_speaker: float = 1.0


@dataclass(frozen=True)
class MouthStatistics:
    """Numbers of moments in which mouths are open and closed; a moment may count partially.

    Args:
        speech_open: Open while a speaker speaks, (S, N).
        speech_closed: Closed while a speaker speaks, (S, N).
        open: Open in the whole video, (N,).
        closed: Closed in the whole video, (N,).
    """

    speech_open: _Floats
    speech_closed: _Floats
    open: _Floats
    closed: _Floats

    @classmethod
    def count(cls, speech: _Floats, opening: _Floats, weight: float = 1.0) -> 'MouthStatistics':
        """Count the moments of a video.

        Args:
            speech: Share of each frame in which a speaker speaks, (S, T).
            opening: 0 closed to 1 open, NaN unknown, (N, T).
            weight: Moments per frame: below 1 if neighboring frames are not independent.
        """
        known = np.isfinite(opening)
        opened = weight * np.where(known, opening, 0.0)
        closed = weight * np.where(known, 1 - opening, 0.0)
        return cls(speech @ opened.T, speech @ closed.T, opened.sum(axis=1), closed.sum(axis=1))

    def log_evidence(self, opened: _Floats, closed: _Floats) -> _Floats:
        """Log likelihood of each mouth, given its moments while the object speaks.

        Args:
            opened: Moments of speech with an open mouth, (..., N).
            closed: Moments of speech with a closed mouth, (..., N).
        """
        # Overlapping speakers would count a moment twice.
        opened, closed = np.minimum(opened, self.open), np.minimum(closed, self.closed)
        speaking = _log_likelihood(opened, closed, _SPEAKING)
        return speaking + _log_likelihood(self.open - opened, self.closed - closed, _SILENT)


def _log_likelihood(opened: _Floats, closed: _Floats, prior: tuple[float, float]) -> _Floats:
    """Beta-binomial log likelihood (of the moments in their order)."""
    evidence: _Floats = betaln(prior[0] + opened, prior[1] + closed) - betaln(*prior)
    return evidence


def assign_speakers(
    mouths: MouthStatistics,
    *,
    seen_together: _Bools,
    prior: _Floats,
    diarized: _Bools,
    costs: LinkCosts,
) -> _Bools:
    """Link speakers to objects greedily, one change at a time while the likelihood increases.

    Args:
        mouths: Statistics of the mouths.
        seen_together: Which objects are visible in one frame, (N, N). They are two persons, so
            that a speaker is linked to at most one of them.
        prior: Other evidence for a link, in log odds, (S, N).
        diarized: Speakers that a diarization distinguishes, (S,), for which
            ``costs.other_speaker`` is due.
        costs: Minimum gain of a link.

    Returns:
        Links (S, N).
    """
    links = np.zeros(prior.shape, bool)
    while links.size:
        toggle, move = _gains(links, mouths, seen_together, prior, diarized, costs)
        best = max(toggle.max(), move.max())
        if best <= 1e-9:
            break
        is_move = move.max() == best
        speaker, obj = np.unravel_index((move if is_move else toggle).argmax(), links.shape)
        linked = not links[speaker, obj]
        links[speaker, seen_together[obj] & linked] = False
        if is_move:
            links[:, obj] = False
        links[speaker, obj] = linked
    return links


def _gains(
    links: _Bools,
    mouths: MouthStatistics,
    seen_together: _Bools,
    prior: _Floats,
    diarized: _Bools,
    costs: LinkCosts,
) -> tuple[_Floats, _Floats]:
    """Gain in log likelihood of each change of one link, (S, N) twice.

    The first change toggles a link: it removes it, or adds it and removes the links of the speaker
    to objects seen together with the new one. The second moves an object: it adds a link and also
    removes the links of the object to all other speakers.
    """
    objects, speakers = links.sum(axis=1), links[diarized].sum(axis=0)
    opened = (links * mouths.speech_open).sum(axis=0)
    closed = (links * mouths.speech_closed).sum(axis=0)
    now = mouths.log_evidence(opened, closed)
    sign = np.where(links, -1, 1)
    one = mouths.log_evidence(
        opened + sign * mouths.speech_open, closed + sign * mouths.speech_closed
    )
    one -= now
    changed = _speaker_costs(speakers + sign * diarized[:, None], costs)
    one += sign * prior - changed + _speaker_costs(speakers, costs)
    removed = (links * one) @ seen_together
    paid = _object_costs(objects, costs)[:, None]
    remaining = objects[:, None] + 1 - links.astype(int) @ seen_together
    toggle = np.where(
        links,
        one - _object_costs(objects[:, None] - 1, costs) + paid,
        one + removed - _object_costs(remaining, costs) + paid,
    )
    only = mouths.log_evidence(mouths.speech_open, mouths.speech_closed) - now + prior
    only += _speaker_costs(speakers, costs) - (links * prior).sum(axis=0)
    freed = links.T @ (_object_costs(objects, costs) - _object_costs(objects - 1, costs))
    move = only + removed - _object_costs(remaining, costs) + paid + freed
    return toggle, np.where(links | ~links.any(axis=0), -np.inf, move)


def _object_costs(objects: NDArray[np.int64], costs: LinkCosts) -> _Floats:
    """The costs of speakers with this number of objects."""
    return costs.first_object * (objects > 0) + costs.other_object * np.maximum(objects - 1, 0)


def _speaker_costs(speakers: NDArray[np.int64], costs: LinkCosts) -> _Floats:
    """The costs of objects with this number of speakers."""
    return costs.other_speaker * np.maximum(speakers - 1, 0)
