r"""Scores of VPO and of the per-data-set protocol of CAVP: mIoU, F and false discovery rate.

NumPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_confusion`, which turns
one image into a confusion matrix, and :func:`score_confusions`. Unlike AVSBench's, these scores
pool the pixels of all images before they divide.

.. math:: IoU = \frac{TP}{TP + FN + FP}, \quad
    F_\beta = \frac{(1 + \beta) TP}{(1 + \beta) TP + \beta FN + FP}, \quad
    FDR = \frac{FP}{TP + FP}

Source: Chen et al., *Unraveling Instance Associations: A Closer Look for Audio-Visual
Segmentation*, CVPR 2024 (arXiv:2304.02970); conventions as in the authors' code (cyh-0/CAVP).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import BoolArray, FloatArray, IntArray
from avis.evaluation.functional.counts import EPS, EvalProtocol, check_protocol
from avis.structures.labels import IGNORED_LABEL, VPO_IDS, vpo_ids_to_classes

_BETA = 0.3
NUM_VPO_CLASSES = len(VPO_IDS) + 1  # of VPO, including the background, index 0
_DIGITS = 4  # the authors round to four decimals


def index_classes(
    coco_ids: NDArray[np.uint8], *, protocol: EvalProtocol = 'official'
) -> NDArray[np.uint8]:
    """Replace the COCO ids of a mask file by class indices; 0 and ``IGNORED_LABEL`` stay.

    ``official``: the authors rename one id after another in place, ascending, so that a car (3)
    becomes 5 and then, if the image has an airplane (5), an airplane (1). ``corrected``: each pixel
    once.

    Args:
        coco_ids: Any shape.
        protocol: ``'official'`` or ``'corrected'``.

    Raises:
        ValueError: An id is not one of VPO's classes.

    >>> ids = np.array([3, 5, 255], np.uint8)
    >>> index_classes(ids), index_classes(ids, protocol='corrected')
    (array([  1,   1, 255], dtype=uint8), array([  5,   1, 255], dtype=uint8))
    """
    check_protocol(protocol)
    classes = vpo_ids_to_classes(coco_ids)
    if protocol == 'corrected':
        return classes
    labels = coco_ids.copy()
    for value in np.unique(coco_ids).tolist():
        index = vpo_ids_to_classes(np.array(value, np.uint8))
        labels[labels == value] = index
    return labels


def count_confusion(
    pred: NDArray[Any], target: NDArray[Any], *, num_classes: int = NUM_VPO_CLASSES
) -> IntArray:
    """Count the labeled pixels of an image by true and predicted class, (K, K).

    Args:
        pred: Class index of every pixel, any shape.
        target: True class index; pixels of value ``IGNORED_LABEL`` are left out.
        num_classes: K, including the background.

    Raises:
        ValueError: The shapes differ, or an index is not in 0 .. K - 1.

    >>> count_confusion(np.array([0, 1, 1]), np.array([0, 1, 255]), num_classes=2)
    array([[1, 0],
           [0, 1]])
    """
    if pred.shape != target.shape:
        raise ValueError(f'expected two arrays of one shape, got {pred.shape} and {target.shape}')
    labeled = target != IGNORED_LABEL
    found, known = (labels[labeled].astype(np.int64) for labels in (pred, target))
    for name, labels in (('pred', found), ('target', known)):
        low, high = (labels.min(), labels.max()) if labels.size else (0, 0)
        if low < 0 or high >= num_classes:
            raise ValueError(
                f'{name} has class indices from {low} to {high}, expected 0 to {num_classes - 1}'
            )
    table = np.bincount(known * num_classes + found, minlength=num_classes**2)
    return table.reshape(num_classes, num_classes)


def score_confusions(
    images: Sequence[IntArray], *, protocol: EvalProtocol = 'official'
) -> dict[str, float]:
    """Turn the confusion matrices of a data set, in its order, into scores in 0..1.

    ``official``: mIoU is a mean over all classes, in which a class that never occurs counts 0,
    while ``f1``, ``f_0.3`` and ``fdr`` are means over the classes for which they are defined. The
    sums of mIoU are float32, which loses single pixels above 2^24, and values have four decimals.
    ``corrected``: exact means over the classes that occur, ``f_0.3`` over those in the target, and
    ``miou_noBg`` without the background.

    Args:
        images: :func:`count_confusion` of each image.
        protocol: ``'official'`` or ``'corrected'``.

    >>> table = np.array([[2, 1, 0], [0, 1, 0], [0, 0, 0]])
    >>> score_confusions([table])['miou'], score_confusions([table], protocol='corrected')['miou']
    (0.3889, 0.5833333333333333)
    """
    check_protocol(protocol)
    if not images:
        raise ValueError('expected at least one image, got none')
    tables = np.stack(images)
    table = tables.sum(axis=0)
    tp = np.diagonal(table).astype(float)
    fn, fp = table.sum(axis=1) - tp, table.sum(axis=0) - tp
    occurs = tp + fn + fp > 0
    scores = {
        'accuracy': tp.sum() / max(table.sum(), 1),
        'fdr': _mean(fp, tp + fp),
        'f1': _f_beta(tp, fn, fp, 1.0),
    }
    if protocol == 'official':
        scores |= {'miou': _float32_iou(tables).mean(), 'f_0.3': _f_beta(tp, fn, fp, _BETA)}
        return {name: round(float(value), _DIGITS) for name, value in scores.items()}
    in_gt = tp + fn > 0
    foreground = occurs & (np.arange(len(tp)) > 0)
    scores |= {
        'miou': _mean(tp[occurs], (tp + fn + fp)[occurs]),
        'miou_noBg': _mean(tp[foreground], (tp + fn + fp)[foreground]),
        'f_0.3': _f_beta(tp[in_gt], fn[in_gt], fp[in_gt], _BETA),
    }
    return {name: float(value) for name, value in scores.items()}


def score_with_trivial(
    images: Sequence[IntArray], *, protocol: EvalProtocol = 'official'
) -> dict[str, float]:
    """:func:`score_confusions`, and with a prefix mIoU and F of two answers without a model.

    ``all_background`` predicts the background, ``frequent_class`` the class of most pixels but the
    background, in every pixel of every image.

    >>> table = np.array([[2, 1, 0], [0, 1, 0], [0, 0, 0]])
    >>> score_with_trivial([table], protocol='corrected')['all_background_miou']
    0.375
    """
    scores = score_confusions(images, protocol=protocol)
    pixels = np.stack(images).sum(axis=2)  # of each image and true class
    frequent = 1 + int(pixels.sum(axis=0)[1:].argmax())
    for name, index in (('all_background', 0), ('frequent_class', frequent)):
        tables = np.zeros((*pixels.shape, pixels.shape[1]), np.int64)
        tables[:, :, index] = pixels
        answer = score_confusions(list(tables), protocol=protocol)
        scores |= {f'{name}_{key}': answer[key] for key in ('miou', 'f_0.3')}
    return scores


def float32_sums(tables: IntArray) -> tuple[FloatArray, FloatArray]:
    """Intersections and unions per class as the authors add them, image by image in float32.

    They round each count to five decimals, which multiplies it by 1e5 first and so changes large
    counts.

    Args:
        tables: Confusion matrices, (N, K, K).

    >>> table = np.array([[262129, 0], [15, 0]])
    >>> [float(sums[0]) for sums in float32_sums(np.stack([table] * 70))]
    [18349036.0, 18350080.0]
    """
    shared = np.diagonal(tables, axis1=1, axis2=2).astype(np.float32)
    union = (tables.sum(axis=1) + tables.sum(axis=2)).astype(np.float32) - shared
    total = [np.round(part, 5).cumsum(axis=0, dtype=np.float32)[-1] for part in (shared, union)]
    return total[0].astype(float), total[1].astype(float)


def _float32_iou(tables: IntArray) -> FloatArray:
    shared, union = float32_sums(tables)
    iou: FloatArray = shared / (union + EPS)
    return iou


def _f_beta(tp: FloatArray, fn: FloatArray, fp: FloatArray, beta: float) -> float:
    return _mean((1 + beta) * tp, (1 + beta) * tp + beta * fn + fp)


def _mean(parts: FloatArray, whole: FloatArray) -> float:
    """Mean quotient over the classes with a denominator; NaN without any."""
    defined: BoolArray = whole > 0
    return float((parts[defined] / whole[defined]).mean()) if defined.any() else np.nan
