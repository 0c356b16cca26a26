"""What the trackers compare: overlaps, embeddings, and the best one-to-one pairs."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.structures.masks import RLE, rle_area

Floats: TypeAlias = NDArray[np.float64]


def match(similarity: NDArray[Any], threshold: float) -> list[tuple[int, int]]:
    """Pair rows with columns one to one; the similarities above ``threshold`` sum to the maximum.

    Args:
        similarity: Shape (M, N); minus infinity forbids a pair.
        threshold: What a pair must reach.

    Returns:
        Pairs (row, column) in the order of rows.

    >>> match(np.array([[0.9, 0.8], [0.8, 0.1]]), 0.5)
    [(0, 1), (1, 0)]
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    gain = np.where(similarity >= threshold, similarity - threshold, 0.0)
    # A pair that just reaches the threshold still beats none.
    gain[similarity >= threshold] += 1e-9
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return [
        (int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if similarity[row, column] >= threshold
    ]


def cosine(first: NDArray[Any], second: NDArray[Any]) -> Floats:
    """Cosine similarities of embeddings (M, C) and (N, C), shape (M, N)."""
    return np.asarray(normalized(first) @ normalized(second).T, np.float64)


def normalized(embeds: NDArray[Any]) -> NDArray[np.float32]:
    """Embeddings (N, C) of length 1; one of zeros stays as it is."""
    embeds = np.asarray(embeds, np.float32)
    length = np.linalg.norm(embeds, axis=-1, keepdims=True)
    return embeds / np.maximum(length, 1e-12)


def mask_iou(first: Sequence[RLE], second: Sequence[RLE]) -> Floats:
    """Overlaps of masks of one frame, intersection over union, shape (M, N)."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    return np.asarray(coco_mask.iou(list(first), list(second), [0] * len(second)), np.float64)


def tube_iou(
    first: Sequence[Sequence[RLE | None]], second: Sequence[Sequence[RLE | None]]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Overlaps of tracks over the same frames: summed intersections over summed unions.

    Args:
        first: M tracks of T masks, None where absent.
        second: N tracks of T masks.

    Returns:
        Overlaps (M, N), 0 where there is no union; and which pairs consist of two tracks that
        are both somewhere to be seen, bool (M, N).
    """
    inter, union = np.zeros((len(first), len(second))), np.zeros((len(first), len(second)))
    for left, right in zip(zip(*first, strict=True), zip(*second, strict=True), strict=True):
        left_areas, right_areas = _areas(left), _areas(right)
        total = left_areas[:, None] + right_areas[None]
        rows, columns = np.flatnonzero(left_areas), np.flatnonzero(right_areas)
        iou = mask_iou([left[row] for row in rows], [right[column] for column in columns])
        both = np.zeros_like(inter)
        both[np.ix_(rows, columns)] = iou * total[np.ix_(rows, columns)] / (1 + iou)
        inter += both
        union += total - both
    seen = [
        np.array([any(mask is not None for mask in track) for track in side], bool)
        for side in (first, second)
    ]
    return inter / np.maximum(union, 1), seen[0][:, None] & seen[1][None]


def _areas(masks: Sequence[RLE | None]) -> Floats:
    return np.array([rle_area(mask) for mask in masks], float)
