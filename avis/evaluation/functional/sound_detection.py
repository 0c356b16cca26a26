r"""Scores of sound source localization with silent clips: AP and F1 over the confidence.

NumPy only: no torch, no mmengine, no I/O. Half of the clips of the extended test sets have no
visible source; a method says by a confidence per clip whether there is one. A clip above the
threshold of the confidence is detected; it is a true positive if it has a source and its cIoU
reaches the threshold. Start reading at :func:`score_detections`.

Source: Mo and Morgado, *A Closer Look at Weakly-Supervised Audio-Visual Source Localization*,
NeurIPS 2022 (arXiv:2209.09634); *Audio-Visual Grouping Network for Sound Localization from
Mixtures*, CVPR 2023 (arXiv:2303.17056); conventions as in the authors' code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.active_speaker import (
    average_precision,
    precision_recall_curve,
)
from avis.evaluation.functional.array_types import BoolArray, FloatArray
from avis.evaluation.functional.counts import EvalProtocol, check_protocol
from avis.evaluation.functional.sound_localization import score_clips

IOU_THRESHOLDS = (0.5, 0.75)
CONFIDENCE = 0.5  # threshold of ``f1``
# Pixels of the ground truth of 224 x 224 from which on a clip belongs to a group.
SIZE_GROUPS = {'small': 0, 'medium': 32**2, 'large': 96**2, 'huge': 144**2}


@dataclass(frozen=True)
class ClipDetections:
    """The clips of a data set.

    Attributes:
        ciou: cIoU of each clip, 0 for silent ones, (N,).
        confidence: Confidence that a source is visible, (N,).
        sounding: True for clips with a visible source, bool (N,).
        area: Pixels of the ground truth, (N,).
    """

    ciou: FloatArray
    confidence: FloatArray
    sounding: BoolArray
    area: FloatArray

    def __len__(self) -> int:
        return len(self.ciou)

    def take(self, index: BoolArray) -> 'ClipDetections':
        """The clips where ``index`` is true."""
        return ClipDetections(**{name: values[index] for name, values in vars(self).items()})

    def groups(self) -> dict[str, 'ClipDetections']:
        """``all`` clips, those with a ``visible`` source, and these by size."""
        visible = self.take(self.sounding)
        edges = [*SIZE_GROUPS.values(), np.inf]
        sizes = {
            name: visible.take((visible.area >= low) & (visible.area < high))
            for name, low, high in zip(SIZE_GROUPS, edges[:-1], edges[1:], strict=True)
        }
        return {'all': self, 'visible': visible, **sizes}


def precision_recall_at(
    clips: ClipDetections,
    confidence: float,
    iou: float = 0.5,
    *,
    protocol: EvalProtocol = 'official',
) -> tuple[float, float]:
    """Precision and recall of the clips detected at a confidence; 1 where undefined.

    ``official``: recall counts sounding clips that are not detected as missed, but not those that
    are detected in the wrong place. ``corrected``: recall over all sounding clips.

    >>> clips = ClipDetections(*map(np.array, ([0.6, 0.1, 0], [0.9, 0.8, 0.7], [True, True, False],
    ...                                    [9.0, 9.0, 0.0])))
    >>> precision_recall_at(clips, 0.75)
    (0.5, 1.0)
    >>> precision_recall_at(clips, 0.75, protocol='corrected')
    (0.5, 0.5)
    """
    check_protocol(protocol)
    detected = clips.confidence >= confidence
    hits = int((detected & clips.sounding & (clips.ciou >= iou)).sum())
    if protocol == 'official':
        known = hits + int((~detected & clips.sounding).sum())
    else:
        known = int(clips.sounding.sum())
    found = int(detected.sum())
    return hits / found if found else 1.0, hits / known if known else 1.0


def detection_ap(
    clips: ClipDetections, iou: float = 0.5, *, protocol: EvalProtocol = 'official'
) -> float:
    """Average precision over the confidence, in 0..1.

    ``official``: the thresholds are every ``max(1, N // 200)``-th of the sorted confidences from
    the second highest one downwards, and the area up to the first recall is left out.
    ``corrected``: every confidence, recall over all sounding clips, from recall 0.
    """
    check_protocol(protocol)
    if protocol == 'corrected':
        return _corrected_ap(clips, iou)
    thresholds = np.sort(clips.confidence)[:-1][:: -max(1, len(clips) // 200)]
    if not len(thresholds):
        return 0.0
    curve = np.array([precision_recall_at(clips, value, iou) for value in thresholds.tolist()])
    envelope = np.maximum.accumulate(curve[::-1, 0])[::-1]
    return float((envelope[:-1] * np.diff(curve[:, 1])).sum())


def _corrected_ap(clips: ClipDetections, iou: float) -> float:
    """AP of correctly placed detections; sounding clips that are wrongly placed are missed."""
    correct = clips.sounding & (clips.ciou >= iou)
    if not correct.any():
        return 0.0 if clips.sounding.any() else np.nan
    share = correct.sum() / clips.sounding.sum()  # the highest recall
    return float(share * average_precision(clips.confidence, correct, protocol='corrected'))


def f1_at(clips: ClipDetections, confidence: float = CONFIDENCE, iou: float = 0.5) -> float:
    """F1 of the clips detected at a confidence under the official protocol; 0 without a hit."""
    precision, recall = precision_recall_at(clips, confidence, iou)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def f1_curve(clips: ClipDetections, iou: float = 0.5) -> list[float]:
    """F1 at every ``max(1, N // 10)``-th of the sorted confidences, as the authors print it."""
    thresholds = np.sort(clips.confidence)[:: max(1, len(clips) // 10)]
    return [f1_at(clips, value, iou) for value in thresholds.tolist()]


def precision_of_visible(clips: ClipDetections, iou: float = 0.5) -> float:
    """Share of the sounding clips with a cIoU above a threshold (strictly); NaN without any."""
    visible = clips.ciou[clips.sounding]
    return float((visible > iou).mean()) if len(visible) else np.nan


def score_detections(
    clips: ClipDetections,
    *,
    protocol: EvalProtocol = 'official',
    iou_thresholds: Sequence[float] = IOU_THRESHOLDS,
) -> dict[str, Any]:
    """Precision, F1, AP and AUC of each group of clips at each threshold of the cIoU.

    Args:
        clips: The clips of a data set.
        protocol: ``'official'`` or ``'corrected'``, for AP.
        iou_thresholds: SLAVC reports 0.5 and 0.75, AVGN also 0.3.

    Returns:
        ``Precision-<group>@<percent>`` with all clips detected, ``F1-...`` (the curve),
        ``AP-...`` and ``AUC-...`` of the sounding clips; NaN for an empty group.
    """
    scores: dict[str, Any] = {}
    for iou in iou_thresholds:
        for name, group in clips.groups().items():
            end = f'{name}@{int(iou * 100)}'
            if not len(group):
                scores |= {f'{key}-{end}': np.nan for key in ('Precision', 'F1', 'AP', 'AUC')}
                continue
            scores[f'Precision-{end}'] = precision_recall_at(group, -np.inf, iou)[0]
            scores[f'F1-{end}'] = f1_curve(group, iou)
            scores[f'AP-{end}'] = detection_ap(group, iou, protocol=protocol)
            scores[f'AUC-{end}'] = score_clips(group.ciou[group.sounding].tolist())['AUC']
    return scores


def piap(mask: BoolArray, gt: NDArray[np.floating]) -> float:
    """Pixel-wise average precision of AVGN, in 0..1.

    The authors pass their arguments in the wrong order: the predicted mask is the label and the gt
    map the score, so that it measures how well the ground truth predicts the mask.

    Args:
        mask: Predicted mask, bool (H, W).
        gt: Ground-truth weights, (H, W).

    >>> piap(np.array([[True, False]]), np.array([[1.0, 0.0]]))
    1.0
    """
    precision, recall = precision_recall_curve(gt.ravel(), mask.ravel(), together=True)
    return float((np.diff(recall, prepend=0.0) * precision).sum()) if mask.any() else 0.0
