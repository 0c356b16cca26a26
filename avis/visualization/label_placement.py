"""Place the labels of the instances of a frame: near their heads, never over a face."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from avis.structures.masks import mask_box

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are outside."""

# Costs in heights of the label: of covering a head or another label completely, of every place but
# the first, and what a label may save by moving before it moves.
_OVER_HEAD, _OVER_LABEL, _BELOW_HEAD, _STAY = 1000.0, 100.0, 3.0, 0.5
_GRID = 9  # places per side of the frame that are tried too


def head_region(mask: NDArray[Any]) -> Box:
    """The upper part of a mask, which contains the head if it is a person.

    It is as high as the mask is wide, and at most 0.8 of its height: in a portrait the head is
    most of the mask, in a full figure a small part. Its upper half, above the shoulders, decides
    how wide it is.

    Args:
        mask: Shape (H, W), not empty.
    """
    left, top, right, bottom = mask_box(mask)
    height = max(min(round(0.8 * (bottom + 1 - top)), right + 1 - left), 1)
    columns = np.flatnonzero(mask[top : top + (height + 1) // 2].any(axis=0))
    return int(columns[0]), top, int(columns[-1]) + 1, top + height


class LabelPlacer:
    """Places the labels of the frames of a video, which move only when it is worthwhile."""

    def __init__(self) -> None:
        self._offsets: dict[int, tuple[int, int]] = {}  # from the top of the head

    def place(
        self,
        sizes: Mapping[int, tuple[int, int]],
        heads: Mapping[int, Box],
        frame: tuple[int, int],
    ) -> dict[int, tuple[int, int]]:
        """Choose a place for each label.

        It is above the head if there is space, else beside it, else at the nearest place where it
        covers neither a head nor another label.

        Args:
            sizes: Width and height of each label, by id; those first in order choose first.
            heads: Heads of all instances, also of those without a label.
            frame: Height and width of the frame.

        Returns:
            Left and top of each label. A label not larger than the frame is inside of it.
        """
        placed: dict[int, tuple[int, int]] = {}
        taken: list[Box] = []
        for key, size in sizes.items():
            head = heads[key]
            points, costs = _candidates(size, head, frame, self._offsets.get(key))
            costs = costs + _OVER_HEAD * _covered(points, size, list(heads.values()))
            costs = costs + _OVER_LABEL * _covered(points, size, taken)
            left, top = (int(value) for value in points[int(costs.argmin())])
            placed[key] = left, top
            taken.append((left, top, left + size[0], top + size[1]))
            self._offsets[key] = left - (head[0] + head[2]) // 2, top - head[1]
        return placed


def _candidates(
    size: tuple[int, int], head: Box, frame: tuple[int, int], before: tuple[int, int] | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Places (N, 2) as left and top, within the frame, and the cost (N,) of their distance."""
    width, height = size
    left, top, right, bottom = head
    center = (left + right) // 2
    best = (center - width // 2, top - height - 2)
    points = [
        best,
        (best[0], best[1] - height - 2),
        (right + 2, top),
        (left - width - 2, top),
        (best[0], bottom + 2),
    ]
    limits = (max(frame[1] - width, 0), max(frame[0] - height, 0))
    rows, columns = (np.linspace(0, limit, _GRID).astype(int).tolist() for limit in limits[::-1])
    points += [(column, row) for row in rows for column in columns]
    if before is not None:
        points.append((center + before[0], top + before[1]))
    inside = np.clip(np.array(points, np.int64), 0, limits)
    costs = np.hypot(*(inside - best).T) / height
    costs[inside[:, 1] >= bottom] += _BELOW_HEAD
    if before is not None:
        costs[-1] -= _STAY
    return inside, costs


def _covered(
    points: NDArray[np.int64], size: tuple[int, int], boxes: Sequence[Box]
) -> NDArray[np.float64]:
    """Share of a label at each place (N, 2) that covers boxes, summed over the boxes, (N,)."""
    if not boxes:
        return np.zeros(len(points))
    corners = np.array(boxes)  # (K, 4)
    low = np.maximum(points[:, None], corners[None, :, :2])
    high = np.minimum(points[:, None] + np.array(size), corners[None, :, 2:])
    shared: NDArray[np.float64] = np.clip(high - low, 0, None).prod(axis=-1).sum(axis=1)
    return shared / (size[0] * size[1])
