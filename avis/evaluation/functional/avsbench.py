"""Scores of AVSBench-object (S4, MS3): mIoU and F of binary masks.

NumPy only: no torch, no mmengine, no I/O. Start reading at :func:`score_clip`, which turns one clip
into a few small arrays, and :func:`pool_clips`, which turns those of a data set into scores.

All 255 thresholds of F are evaluated in one pass: each pixel is assigned to the bin between two
thresholds, one joint histogram (bin, ground truth) is computed per frame, and its cumulative sums
are the pixels and the true positives above every threshold. Comparisons agree with the authors' to
the last bit of float32.

Source: Zhou et al., *Audio-Visual Segmentation*, ECCV 2022 (arXiv:2207.05042); constants and rules
as in the authors' evaluation code (OpenNLPLab/AVSBench).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import BoolArray, FloatArray, IntArray
from avis.evaluation.functional.counts import EvalProtocol, check_protocol

BETA2 = 0.3
JACCARD_EPS = 1e-7  # the authors' constant
NUM_THRESHOLDS = 255


def f_thresholds() -> NDArray[np.float32]:
    """The 255 thresholds of F: from 0 to ``1 - 1e-10``, which in float32 is exactly 1.

    The authors build them with ``torch.linspace``, which computes from the nearer end and rounds
    once; ``np.linspace`` differs from it in the last bit of ten of them.

    Returns:
        Shape (255,), float32, ascending.

    >>> thresholds = f_thresholds()
    >>> float(thresholds[0]), float(thresholds[127]), float(thresholds[254])
    (0.0, 0.5, 1.0)
    """
    index = np.arange(NUM_THRESHOLDS)
    last = NUM_THRESHOLDS - 1
    step = np.float64(np.float32(1.0) / np.float32(last))
    exact = np.where(index <= last // 2, step * index, 1.0 - step * (last - index))
    return exact.astype(np.float32)


_THRESHOLDS = f_thresholds()
_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)  # an 8-bit image read as [0, 1]
# The lowest gray level at or above each threshold.
_FIRST_LEVEL = np.searchsorted(_LEVELS, _THRESHOLDS, side='left')
# Slightly more than 254: the estimated bin is never too low and at most one too high.
_GUESS = np.float32((NUM_THRESHOLDS - 1) * (1 + 4e-6))


def frame_jaccard(pred: BoolArray, target: BoolArray) -> FloatArray:
    r"""Jaccard index of every frame, with AVSBench's rule for silent frames.

    .. math:: J_n = \frac{|P_n \cap G_n|}{|P_n \cup G_n| + \epsilon}

    If no object sounds (:math:`G_n = \emptyset`) the background is scored instead: the numerator is
    the number of background pixels of both masks, and the union is the whole frame.

    Args:
        pred: Predicted masks, bool (N, H, W).
        target: Ground-truth masks, bool (N, H, W).

    Returns:
        Shape (N,), values in [0, 1); :math:`\epsilon` is ``JACCARD_EPS``, so a perfect frame scores
        just below 1.

    >>> frame_jaccard(np.ones((1, 2, 2), bool), np.eye(2, dtype=bool)[None]).round(3)
    array([0.5])
    """
    _check_shapes(pred, target)
    hits, predicted, labeled = (_area(mask) for mask in (pred & target, pred, target))
    pixels = pred.shape[1] * pred.shape[2]
    silent = labeled == 0
    inter = np.where(silent, pixels - predicted, hits)
    union = np.where(silent, pixels, predicted + labeled - hits)
    score: FloatArray = inter / (union + JACCARD_EPS)
    return score


def threshold_counts(prob: NDArray[Any], target: BoolArray) -> tuple[IntArray, IntArray]:
    """Count the pixels that pass each threshold of F (``prob >= threshold``).

    Args:
        prob: (N, H, W), float32 in [0, 1] or uint8, where 255 means 1.
        target: Ground-truth masks, bool (N, H, W).

    Returns:
        ``hits`` (N, 255), pixels that pass and are foreground, and ``predicted`` (N, 255), all
        pixels that pass. Column 0 is the area of the ground truth and of the frame.

    >>> prob = np.array([[[0.2, 0.5, 1.0]]], np.float32)
    >>> hits, predicted = threshold_counts(prob, np.array([[[False, True, True]]]))
    >>> hits[0, [0, 127, 128, 254]].tolist(), predicted[0, [0, 127, 128, 254]].tolist()
    ([2, 2, 1, 1], [3, 2, 1, 1])
    """
    prob = as_probability(prob)
    _check_shapes(prob, target)
    histogram = _histogram_levels if prob.dtype == np.uint8 else _histogram_thresholds
    bins = np.zeros((len(prob), 2, 256), np.int64)  # (frame, ground truth, bin)
    for frame in range(len(prob)):
        bins[frame] = histogram(prob[frame].ravel(), target[frame].ravel())
    counts = bins[..., ::-1].cumsum(axis=2)[..., ::-1]
    counts = counts[..., _FIRST_LEVEL if prob.dtype == np.uint8 else slice(NUM_THRESHOLDS)]
    return counts[:, 1], counts.sum(axis=1)


def precision_recall(prob: NDArray[Any], target: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Precision and recall of every frame at the 255 thresholds.

    Args:
        prob: (N, H, W), float32 in [0, 1] or uint8, where 255 means 1.
        target: Ground-truth masks, bool (N, H, W).

    Returns:
        Two arrays (N, 255); precision is 0 without a predicted pixel, recall without a gt pixel.

    >>> precision, recall = precision_recall(np.full((1, 2, 2), 0.7), np.eye(2, dtype=bool)[None])
    >>> precision[0, [0, 254]].tolist(), recall[0, [0, 254]].tolist()
    ([0.5, 0.0], [1.0, 0.0])
    """
    hits, predicted = threshold_counts(prob, target)
    return hits / np.maximum(predicted, 1), hits / np.maximum(hits[:, :1], 1)


def f_measure(precision: FloatArray, recall: FloatArray) -> FloatArray:
    r"""F with :math:`\beta^2 = 0.3`, which weights precision more; 0 where both are 0.

    .. math:: F = \frac{(1 + \beta^2) P R}{\beta^2 P + R}

    >>> f_measure(np.array([1.0, 0.0]), np.array([0.5, 0.0])).round(4)
    array([0.8125, 0.    ])
    """
    weighted = BETA2 * precision + recall
    score: FloatArray = (1 + BETA2) * precision * recall / np.where(weighted > 0, weighted, 1)
    return score


@dataclass(frozen=True)
class ClipScores:
    """The scores of one clip with N scored frames, from which those of a data set are computed.

    Attributes:
        jaccard: :func:`frame_jaccard` above the threshold, shape (N,).
        max_f: Highest F over the thresholds, shape (N,); NaN on silent frames.
        curve_sum: F at each threshold, summed over the frames with a sounding object, (255,).
    """

    jaccard: FloatArray
    max_f: FloatArray
    curve_sum: FloatArray

    @property
    def sounding(self) -> BoolArray:
        """Frames with a sounding object, bool (N,)."""
        return ~np.isnan(self.max_f)


@dataclass(frozen=True)
class AVSBenchScores:
    """The scores of a data set.

    Attributes:
        miou: Mean Jaccard index under the protocol.
        F_score: Maximum over the thresholds of the mean F curve, under the protocol.
        miou_sounding: Mean Jaccard index over the frames with a sounding object, the same for both
            protocols; NaN without such a frame.
        frame_max_F: Mean over these frames of the best F of each frame, at its own threshold.
        per_batch: (miou, F_score) of every evaluation batch; one pair if ``corrected``.
    """

    miou: float
    F_score: float
    miou_sounding: float
    frame_max_F: float
    per_batch: tuple[tuple[float, float], ...]

    def summary(self, protocol: EvalProtocol) -> dict[str, float]:
        """The reported scores; ``corrected`` adds those over the frames with a sounding object."""
        scores = {'miou': self.miou, 'F_score': self.F_score}
        if protocol == 'official':
            return scores
        return {**scores, 'miou_sounding': self.miou_sounding, 'frame_max_F': self.frame_max_F}


def score_clip(prob: NDArray[Any], target: NDArray[Any], *, threshold: float = 0.5) -> ClipScores:
    """Score the labeled frames of one clip.

    Args:
        prob: Probability of a sounding object, (N, H, W): float32 in [0, 1], the sigmoid of the
            logits, or uint8 as stored in an image, where 255 means 1.
        target: Ground truth, (N, H, W); non-zero pixels are foreground.
        threshold: Probability above which a pixel is foreground in the Jaccard index; Ref-AVS uses
            0.4.

    Raises:
        ValueError: The shapes differ, or values are outside [0, 1] (logits, for example).

    >>> clip = score_clip(np.full((2, 1, 2), 0.75), np.array([[[0, 1]], [[0, 0]]]))
    >>> clip.jaccard.round(3), clip.max_f.round(3), clip.sounding
    (array([0.5, 0. ]), array([0.565,   nan]), array([ True, False]))
    """
    prob, target = as_probability(prob), np.asarray(target) != 0
    _check_shapes(prob, target)
    mask = above(prob, threshold)
    curves = f_measure(*precision_recall(prob, target))
    sounding = target.any(axis=(1, 2))
    return ClipScores(
        jaccard=frame_jaccard(mask, target),
        max_f=np.where(sounding, curves.max(axis=1), np.nan),
        curve_sum=curves[sounding].sum(axis=0),
    )


def pool_clips(
    clips: Sequence[ClipScores], *, protocol: EvalProtocol = 'official', batch_size: int = 4
) -> AVSBenchScores:
    """Turn the clips of a data set, in its order, into the reported scores.

    ``official``: the clips are split into evaluation batches, as by the authors' data loader. mIoU
    is the mean over the frames of a batch; F is the maximum over the thresholds of the F curve
    averaged over the sounding frames of a batch, 0 for a batch without any. Batches are then
    averaged without weights, a smaller last one included. **Both depend on the batch size**: the
    default of the authors' test script is 1, their published command uses 4.

    ``corrected``: the whole data set is one batch, so all frames have equal weight and share one
    threshold; F is NaN, not 0, if no frame has a sounding object.

    Clips without a scored frame are left out before batches are formed. Without any frame all
    scores are NaN.

    Args:
        clips: One entry per clip.
        protocol: ``'official'`` or ``'corrected'``.
        batch_size: Clips per evaluation batch; ignored if ``corrected``.

    >>> gt = np.array([[[0, 1, 1, 1]]])
    >>> clips = [score_clip(p * gt, gt) for p in (0.3, 0.9)] + [score_clip(gt, 0 * gt)]
    >>> [round(pool_clips(clips, batch_size=size).F_score, 3) for size in (1, 2, 4)]
    [0.667, 0.5, 1.0]
    >>> round(pool_clips(clips, protocol='corrected').miou, 3)
    0.417
    """
    check_protocol(protocol)
    if batch_size < 1:
        raise ValueError(f'batch_size must be at least 1, got {batch_size}')
    clips = [clip for clip in clips if len(clip.jaccard)]
    if not clips:
        return AVSBenchScores(np.nan, np.nan, np.nan, np.nan, ())
    size = batch_size if protocol == 'official' else len(clips)
    silent = 0.0 if protocol == 'official' else np.nan
    batches = [clips[start : start + size] for start in range(0, len(clips), size)]
    per_batch = tuple(_score_batch(batch, silent=silent) for batch in batches)
    miou, f_score = np.mean(per_batch, axis=0)
    return AVSBenchScores(
        miou=float(miou),
        F_score=float(f_score),
        miou_sounding=_mean(np.concatenate([clip.jaccard[clip.sounding] for clip in clips])),
        frame_max_F=_mean(np.concatenate([clip.max_f[clip.sounding] for clip in clips])),
        per_batch=per_batch,
    )


def as_probability(prob: NDArray[Any]) -> NDArray[Any]:
    """Keep uint8, convert other types to float32, and check that values are in [0, 1].

    >>> as_probability(np.array([-2.5, 0.5]))
    Traceback (most recent call last):
    ValueError: expected probabilities in [0, 1], got values from -2.5 to 0.5: apply the sigmoid ...
    """
    prob = np.asarray(prob)
    if prob.dtype == np.uint8:
        return prob
    prob = prob.astype(np.float32, copy=False)
    low, high = (prob.min(), prob.max()) if prob.size else (0, 1)
    if not (low >= 0 and high <= 1):  # also true for NaN
        raise ValueError(
            f'expected probabilities in [0, 1], got values from {low} to {high}: apply the sigmoid '
            f'to the logits first, and pass 8-bit images as uint8'
        )
    return prob


def above(prob: NDArray[Any], threshold: float) -> BoolArray:
    """The pixels whose probability, float32 or uint8 (255 means 1), is above a threshold.

    >>> above(np.array([102, 103], np.uint8), 0.4), above(np.array([0.4, 0.5], np.float32), 0.4)
    (array([False,  True]), array([False,  True]))
    """
    mask: BoolArray = (_LEVELS[prob] if prob.dtype == np.uint8 else prob) > np.float32(threshold)
    return mask


def _score_batch(clips: Sequence[ClipScores], *, silent: float) -> tuple[float, float]:
    """The mIoU and F of one evaluation batch; ``silent`` is F if no frame has an object."""
    miou = float(np.concatenate([clip.jaccard for clip in clips]).mean())
    sounding = sum(int(clip.sounding.sum()) for clip in clips)
    if not sounding:
        return miou, silent
    curve = np.sum([clip.curve_sum for clip in clips], axis=0) / sounding
    return miou, float(curve.max())


def _histogram_thresholds(prob: NDArray[np.float32], target: BoolArray) -> IntArray:
    """Count the pixels between neighboring thresholds, by ground truth: (2, 256)."""
    bins = (prob * _GUESS).astype(np.uint8)
    bins -= prob < _THRESHOLDS.take(bins, mode='wrap')  # exact: a bin starts at its threshold
    return _histogram_levels(bins, target)


def _histogram_levels(levels: NDArray[np.uint8], target: BoolArray) -> IntArray:
    """Count the pixels of each of 256 levels, by ground truth: (2, 256)."""
    joint = target * np.uint16(256)
    joint += levels
    return np.bincount(joint, minlength=512).reshape(2, 256)


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else np.nan


def _area(mask: BoolArray) -> IntArray:
    """Pixels per frame, (N,)."""
    return np.array([np.count_nonzero(frame) for frame in mask], np.int64)


def _check_shapes(pred: NDArray[Any], target: NDArray[Any]) -> None:
    if pred.shape != target.shape or pred.ndim != 3:
        raise ValueError(f'expected two (N, H, W) arrays, got {pred.shape} and {target.shape}')
