"""Scores of AVSBench-semantic (AVSS): mIoU and F over classes.

NumPy only: no torch, no mmengine, no I/O. Start reading at :func:`score_frames`, which scores the
classes of every frame, and :func:`pool_classes`, which turns the sums of a data set into scores.

Source: Zhou et al., *Audio-Visual Segmentation with Semantics* (arXiv:2301.13190); constants and
rules as in the authors' evaluation code (OpenNLPLab/AVSBench, avss).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import BoolArray, FloatArray
from avis.evaluation.functional.avsbench import f_measure
from avis.evaluation.functional.counts import EPS, EvalProtocol, check_protocol

NUM_CLASSES = 71  # including the background, index 0


@dataclass(frozen=True)
class FrameScores:
    """The scores of the K classes in N frames.

    Attributes:
        iou: Shape (N, K); 0 where a class is absent.
        f: Shape (N, K); 0 where a class has no correct pixel.
        present: bool (N, K), True where the class is predicted or labeled.
            frame.
    """

    iou: FloatArray
    f: FloatArray
    present: BoolArray

    @property
    def mean_iou(self) -> FloatArray:
        """Mean over the classes with a correct pixel, shape (N,); NaN without such a class."""
        hit = (self.iou > 0).sum(axis=1)
        return np.divide(self.iou.sum(axis=1), hit, out=np.full(len(hit), np.nan), where=hit > 0)

    def sums(self) -> 'ClassSums':
        """Sum over the frames."""
        return ClassSums(self.iou.sum(axis=0), self.f.sum(axis=0), self.present.sum(axis=0))


@dataclass(frozen=True)
class ClassSums:
    """Scores summed over frames, shape (K,); ``frames`` counts the frames with each class."""

    iou: FloatArray
    f: FloatArray
    frames: NDArray[np.int64]


@dataclass(frozen=True)
class AVSSScores:
    """The scores of a data set.

    Attributes:
        miou: Mean of ``class_iou`` over all classes, which is 0 for a class without frames.
        miou_noBg: The same without one class: the last (``official``) or the background
            (``corrected``).
        F_score: Mean of ``class_f`` over all classes.
        F_score_noBg: The same without one class, as for ``miou_noBg``.
        miou_present: Mean of ``class_iou`` over the classes with frames; NaN without any.
        F_score_present: Mean of ``class_f`` over these classes.
        class_iou: Shape (K,), mean over the frames that have the class.
        class_f: Shape (K,), the same for F.
        class_frames: Shape (K,), the number of these frames.
    """

    miou: float
    miou_noBg: float
    F_score: float
    F_score_noBg: float
    miou_present: float
    F_score_present: float
    class_iou: FloatArray
    class_f: FloatArray
    class_frames: NDArray[np.int64]

    def summary(self, protocol: EvalProtocol) -> dict[str, float]:
        """The reported scores; ``corrected`` adds those over the classes with frames."""
        keys = ['miou', 'miou_noBg', 'F_score', 'F_score_noBg']
        if protocol == 'corrected':
            keys += ['miou_present', 'F_score_present']
        return {key: getattr(self, key) for key in keys}


def frames_to_score(
    labeled: BoolArray, valid: BoolArray | None = None, *, protocol: EvalProtocol = 'official'
) -> BoolArray:
    """Select the frames of one clip to score.

    The authors pad five-frame clips to ten with black frames whose ground truth is background, and
    score the padding too; ``corrected`` leaves it out. Frames without a label and clips without any
    label are never scored.

    Args:
        labeled: bool (T,), True where the ground truth is known.
        valid: bool (T,), False on padding; None without padding.
        protocol: ``'official'`` or ``'corrected'``.

    Returns:
        bool (T,).

    >>> labeled, valid = np.array([True, False, False]), np.array([True, True, False])
    >>> frames_to_score(labeled, valid), frames_to_score(labeled, valid, protocol='corrected')
    (array([ True, False,  True]), array([ True, False, False]))
    """
    check_protocol(protocol)
    if valid is None:
        return labeled
    if valid.shape != labeled.shape:
        raise ValueError(
            f'expected flags of one length, got {len(labeled)} labeled and {len(valid)} valid'
        )
    if protocol == 'corrected':
        return labeled & valid
    return labeled | ~valid if labeled.any() else labeled


def score_frames(
    pred: NDArray[Any], target: NDArray[Any], *, num_classes: int = NUM_CLASSES
) -> FrameScores:
    r"""Score every class in every frame, by a joint histogram (gt, prediction) per frame.

    .. math:: J = \frac{|P \cap G|}{|P \cup G| + \epsilon}, \quad
        F = \frac{(1 + \beta^2) P R}{\beta^2 P + R} \text{ with } \beta^2 = 0.3

    Args:
        pred: Class index of every pixel, (N, H, W).
        target: True class index, (N, H, W).
        num_classes: K, including the background.

    Raises:
        ValueError: The shapes differ, or an index is not in 0 .. K - 1.

    >>> scores = score_frames(np.array([[[0, 1, 1]]]), np.array([[[0, 1, 2]]]), num_classes=4)
    >>> scores.iou.round(3), scores.f.round(3), scores.mean_iou
    (array([[1. , 0.5, 0. , 0. ]]), array([[1.   , 0.565, 0.   , 0.   ]]), array([0.75]))
    >>> scores.present
    array([[ True,  True,  True, False]])
    """
    if pred.shape != target.shape or pred.ndim != 3:
        raise ValueError(f'expected two (N, H, W) arrays, got {pred.shape} and {target.shape}')
    for name, labels in (('pred', pred), ('target', target)):
        low, high = (labels.min(), labels.max()) if labels.size else (0, 0)
        if low < 0 or high >= num_classes:
            raise ValueError(
                f'{name} has class indices from {low} to {high}, expected 0 to {num_classes - 1}: '
                f'convert the labels, or set num_classes'
            )
    tables = np.zeros((len(pred), num_classes, num_classes), np.int64)
    for frame in range(len(pred)):
        joint = target[frame].ravel().astype(np.intp) * num_classes + pred[frame].ravel()
        tables[frame] = np.bincount(joint, minlength=num_classes**2).reshape(tables.shape[1:])
    return _score_tables(tables)


def pool_classes(sums: Iterable[ClassSums], *, protocol: EvalProtocol = 'official') -> AVSSScores:
    """Turn the sums of all clips into the reported scores.

    Each class is averaged over the frames that have it in the prediction or the ground truth; a
    class without frames counts as 0. The protocols differ in ``miou_noBg`` and ``F_score_noBg``:
    the authors intend to drop the background, index 0, but drop the last class; ``corrected`` drops
    the background. (They also score different frames, see :func:`frames_to_score`.) Scores depend
    neither on batches nor on the order of clips. Without any frame they are NaN.

    Args:
        sums: One entry per clip.
        protocol: ``'official'`` or ``'corrected'``.

    >>> clip = score_frames(np.array([[[0, 1, 1]]]), np.array([[[0, 1, 2]]]), num_classes=4).sums()
    >>> official, corrected = (pool_classes([clip], protocol=p) for p in ('official', 'corrected'))
    >>> round(official.miou, 3), round(official.miou_noBg, 3), round(corrected.miou_noBg, 3)
    (0.375, 0.5, 0.167)
    """
    check_protocol(protocol)
    none = np.zeros(NUM_CLASSES)
    clips = list(sums) or [ClassSums(none, none, none.astype(np.int64))]
    iou, f = (np.sum([getattr(clip, key) for clip in clips], axis=0) for key in ('iou', 'f'))
    frames = np.sum([clip.frames for clip in clips], axis=0)
    present = frames > 0
    # A class without frames scores 0, unless no class has any.
    divisor = np.maximum(frames, 1) if present.any() else np.nan
    class_iou, class_f = iou / divisor, f / divisor
    kept = slice(None, -1) if protocol == 'official' else slice(1, None)
    return AVSSScores(
        miou=float(class_iou.mean()),
        miou_noBg=float(class_iou[kept].mean()),
        F_score=float(class_f.mean()),
        F_score_noBg=float(class_f[kept].mean()),
        miou_present=float(class_iou[present].mean()) if present.any() else np.nan,
        F_score_present=float(class_f[present].mean()) if present.any() else np.nan,
        class_iou=class_iou,
        class_f=class_f,
        class_frames=frames,
    )


def _score_tables(tables: NDArray[np.int64]) -> FrameScores:
    """Score joint histograms (N, K, K), axes (frame, gt class, predicted class)."""
    hits = np.diagonal(tables, axis1=1, axis2=2)
    labeled, predicted = tables.sum(axis=2), tables.sum(axis=1)
    union = labeled + predicted - hits
    precision, recall = hits / np.maximum(predicted, 1), hits / np.maximum(labeled, 1)
    return FrameScores(iou=hits / (union + EPS), f=f_measure(precision, recall), present=union > 0)
