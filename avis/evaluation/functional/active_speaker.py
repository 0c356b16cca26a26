r"""Average precision of active speaker detection (ASD), as defined by AVA-ActiveSpeaker.

NumPy only: no torch, no mmengine, no I/O. A row is one face in one frame, with a score for
"speaks audibly". Start reading at :func:`average_precision`.

Rows are sorted by score, best first. After each row, precision is the share of speaking rows among
the rows so far, and recall the share of all speaking rows that are among them. Precision is made
monotone from the right and integrated over recall, as in PASCAL VOC from 2010 on:

.. math:: AP = \sum_n (R_n - R_{n-1}) \max_{m \ge n} P_m

Empty cases: 0 without rows; NaN without a speaking row, where the official script stops.

Source: Roth et al., *AVA-ActiveSpeaker: An Audio-Visual Dataset for Active Speaker Detection*,
ICASSP 2020 (arXiv:1901.01342), and its official evaluation script
(``get_ava_active_speaker_performance.py`` of activitynet/ActivityNet).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import BoolArray, FloatArray
from avis.evaluation.functional.counts import EvalProtocol, check_protocol

SPEAKING = 'SPEAKING_AUDIBLE'


def average_precision(
    scores: NDArray[np.floating], speaking: BoolArray, *, protocol: EvalProtocol = 'official'
) -> float:
    """Average precision over all rows of a data set, in 0..1.

    Rows of equal score have no defined order. ``official`` keeps their input order (the script uses
    an unstable sort, so its order is undefined); ``corrected`` evaluates all rows of equal score
    together, so that the result does not depend on the order of rows.

    Args:
        scores: Score of every row, higher means more likely speaking, (N,).
        speaking: True where the face speaks audibly, bool (N,). Inaudible speech counts as not
            speaking.
        protocol: ``'official'`` or ``'corrected'``.

    Raises:
        ValueError: The shapes differ, or a score is NaN.

    >>> round(average_precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, True])), 3)
    0.833
    >>> tied, speaking = np.array([0.5, 0.5]), np.array([True, False])
    >>> [average_precision(tied, speaking, protocol=name) for name in ('official', 'corrected')]
    [1.0, 0.5]
    """
    check_protocol(protocol)
    precision, recall = precision_recall_curve(scores, speaking, together=protocol == 'corrected')
    if not len(precision):
        return 0.0
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum())


def precision_recall_curve(
    scores: NDArray[np.floating], speaking: BoolArray, *, together: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Precision and recall after each row, best score first.

    Args:
        scores: Score of every row, (N,).
        speaking: True where the face speaks audibly, bool (N,).
        together: Return one value for all rows of equal score.

    Returns:
        Two arrays (N,), or shorter if ``together``; recall is NaN without a speaking row.

    >>> precision_recall_curve(np.array([0.2, 0.7]), np.array([True, False]))
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


def f1_by_speaker(
    predicted: BoolArray, speaking: BoolArray, speakers: Sequence[str]
) -> dict[str, float]:
    """F1 of "speaks audibly" for each speaker, in 0..1, as on the Columbia data set.

    The score of the data set is the mean over its speakers. A speaker who neither speaks nor is
    predicted to has 0.

    Source: Chakravarty and Tuytelaars, *Cross-modal Supervision for Learning Active Speaker
    Detection in Video*, ECCV 2016 (arXiv:1603.08907).

    Args:
        predicted: True where the face is predicted to speak, bool (N,). A row without a detected
            face counts as False.
        speaking: True where it speaks audibly, bool (N,).
        speakers: Name of the speaker of each row, N of them.

    Raises:
        ValueError: The lengths differ.

    >>> f1_by_speaker(np.array([True, True, False]), np.array([True, False, True]), ['a', 'a', 'b'])
    {'a': 0.6666666666666666, 'b': 0.0}
    """
    if not len(predicted) == len(speaking) == len(speakers):
        raise ValueError(
            f'expected three columns of one length, got {len(predicted)}, {len(speaking)} and '
            f'{len(speakers)}'
        )
    names = np.asarray(speakers)
    scores = {}
    for name in sorted(set(speakers)):
        own = names == name
        wrong = int((predicted[own] != speaking[own]).sum())
        hits = int((predicted[own] & speaking[own]).sum())
        scores[name] = 2 * hits / (2 * hits + wrong) if hits else 0.0
    return scores


def speaks_audibly(labels: Sequence[str]) -> BoolArray:
    """The rows that count as speaking, bool (N,), from the labels of the data set.

    >>> speaks_audibly(['SPEAKING_AUDIBLE', 'SPEAKING_NOT_AUDIBLE', 'NOT_SPEAKING'])
    array([ True, False, False])
    """
    return np.array([label == SPEAKING for label in labels], bool)
