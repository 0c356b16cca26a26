r"""Average precision of active speaker detection, as AVA-ActiveSpeaker has it.

NumPy only: no torch, no mmengine, no I/O. Every row is one face in one frame, with a score for
"speaks audibly"; start reading at :func:`average_precision`.

Rows are sorted by score, best first. After each row precision is the share of speakers among the
rows so far, recall the share of all speakers among them. Precision is made monotone from the right
and integrated over recall, as in PASCAL VOC from 2010 on:

.. math:: AP = \sum_n (R_n - R_{n-1}) \max_{m \ge n} P_m

Empty cases: 0 without a row; NaN without a speaker, where the script stops.

Source: Roth et al., *AVA-ActiveSpeaker: An Audio-Visual Dataset for Active Speaker Detection*,
ICASSP 2020 (arXiv:1901.01342), and the evaluation script released with it
(``get_ava_active_speaker_performance.py`` of activitynet/ActivityNet).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.counts import Protocol, check_protocol
from avis.evaluation.functional.overlap import Bools, Floats

SPEAKING = 'SPEAKING_AUDIBLE'


def average_precision(
    scores: NDArray[np.floating], speaking: Bools, *, protocol: Protocol = 'official'
) -> float:
    """Average precision over all rows of a data set, in 0..1.

    Rows of the same score have no order by themselves. ``official`` takes them one by one as they
    stand (the script sorts with an algorithm that leaves their order open); ``corrected`` takes
    them together, so that the result does not depend on the order of rows.

    Args:
        scores: Of every row, higher means more likely speaking, (N,).
        speaking: The face speaks audibly, bool (N,). Speech that is not audible counts as none.
        protocol: ``'official'`` or ``'corrected'``.

    Raises:
        ValueError: Other shapes, or a score that is NaN.

    >>> round(average_precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, True])), 3)
    0.833
    >>> tied, speaking = np.array([0.5, 0.5]), np.array([True, False])
    >>> [average_precision(tied, speaking, protocol=name) for name in ('official', 'corrected')]
    [1.0, 0.5]
    """
    check_protocol(protocol)
    precision, recall = precision_recall(scores, speaking, together=protocol == 'corrected')
    if not len(precision):
        return 0.0
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum())


def precision_recall(
    scores: NDArray[np.floating], speaking: Bools, *, together: bool = False
) -> tuple[Floats, Floats]:
    """Precision and recall after each row, best score first.

    Args:
        scores: Of every row, (N,).
        speaking: The face speaks audibly, bool (N,).
        together: Give one value for all rows of the same score.

    Returns:
        Two arrays (N,), or shorter if ``together``; recall is NaN without a speaker.

    >>> precision_recall(np.array([0.2, 0.7]), np.array([True, False]))
    (array([0. , 0.5]), array([0., 1.]))
    """
    if scores.shape != speaking.shape or scores.ndim != 1:
        raise ValueError(f'expected two (N,) arrays, got {scores.shape} and {speaking.shape}')
    if np.isnan(scores).any():
        raise ValueError(f'{int(np.isnan(scores).sum())} of {len(scores)} scores are NaN')
    order = np.argsort(-scores.astype(np.float64), kind='stable')
    hits, ranked = speaking[order].cumsum(), scores[order]
    rows = np.arange(1, len(scores) + 1)
    if together:
        last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)])
        hits, rows = hits[last], rows[last]
    total = int(speaking.sum())
    return hits / rows, hits / total if total else np.full(len(hits), np.nan)


def speaks_audibly(labels: Sequence[str]) -> Bools:
    """Rows that count as speaking, (N,), from the labels of the data set.

    >>> speaks_audibly(['SPEAKING_AUDIBLE', 'SPEAKING_NOT_AUDIBLE', 'NOT_SPEAKING'])
    array([ True, False, False])
    """
    return np.array([label == SPEAKING for label in labels], bool)
