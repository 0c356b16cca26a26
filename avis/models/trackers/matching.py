"""Similarities of masks, tracks and embeddings, and one-to-one matching."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.structures.masks import RLE, rle_area


def match(similarity: NDArray[Any], threshold: float) -> list[tuple[int, int]]:
    """Match rows with columns one to one; maximizes the sum of similarities over ``threshold``.

    Args:
        similarity: Shape (M, N); minus infinity forbids a pair.
        threshold: Similarity that a pair needs.

    Returns:
        Pairs (row, column), sorted by row.

    >>> match(np.array([[0.9, 0.8], [0.8, 0.1]]), 0.5)
    [(0, 1), (1, 0)]
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    gain = np.where(similarity >= threshold, similarity - threshold, 0.0)
    # A pair exactly at the threshold is better than no pair.
    gain[similarity >= threshold] += 1e-9
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return [
        (int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if similarity[row, column] >= threshold
    ]


def cosine_similarity_matrix(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Return the cosine similarities (M, N) of embeddings (M, C) and (N, C)."""
    return np.asarray(normalize(first) @ normalize(second).T, np.float64)


def normalize(embeds: NDArray[Any]) -> NDArray[np.float32]:
    """Scale embeddings (..., C) to unit length; zeros stay zeros."""
    embeds = np.asarray(embeds, np.float32)
    length = np.linalg.norm(embeds, axis=-1, keepdims=True)
    return embeds / np.maximum(length, 1e-12)


def mask_iou(first: Sequence[RLE], second: Sequence[RLE]) -> NDArray[np.float64]:
    """Return the intersection over union (M, N) of M and N masks of one frame."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    return np.asarray(coco_mask.iou(list(first), list(second), [0] * len(second)), np.float64)


def tube_iou(
    first: Sequence[Sequence[RLE | None]], second: Sequence[Sequence[RLE | None]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the intersection over union of tracks: summed intersections over summed unions.

    Args:
        first: M tracks of T masks, None where absent.
        second: N tracks of T masks.

    Returns:
        IoU (M, N), 0 where the union is empty; and bool (M, N), True where both tracks have at
        least one mask.
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
    visible = [
        np.array([any(mask is not None for mask in track) for track in side], bool)
        for side in (first, second)
    ]
    return inter / np.maximum(union, 1), visible[0][:, None] & visible[1][None]


def _areas(masks: Sequence[RLE | None]) -> NDArray[np.float64]:
    """Return the areas (N,) of masks in pixels, 0 for None."""
    return np.array([rle_area(mask) for mask in masks], float)
