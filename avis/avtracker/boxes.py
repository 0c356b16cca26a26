"""Boxes of replies against boxes of detections. Boxes are corners x1 y1 x2 y2 in pixels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_pixels(box: Sequence[Any], *, scale: float, size: tuple[int, int]) -> list[int]:
    """A reply's box in pixels, rounded toward zero.

    Args:
        box: At least four numbers, in ``scale``-ths of width and height.
        scale: Value that means the full width or height, 1000 for thousandths.
        size: Height and width of the frame.
    """
    height, width = size
    sides = (width, height, width, height)
    return [int(box[index] / scale * side) for index, side in enumerate(sides)]


def iou(box: Sequence[float], boxes: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Intersection over union with N boxes, shape (N,); corners in any order, empty boxes give 0.

    >>> iou([10, 10, 0, 0], np.array([[0, 0, 10, 10], [5, 5, 5, 5]], np.float32))
    array([1., 0.])
    """
    one, others = _sorted(np.asarray(box, np.float64)), _sorted(boxes.reshape(-1, 4))
    sides = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    inter = np.clip(sides, 0, None).prod(axis=1)
    union = (one[2:] - one[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - inter
    ratio: NDArray[np.float64] = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    return ratio


def _sorted(boxes: NDArray[Any]) -> NDArray[np.float64]:
    corners = boxes.astype(np.float64).reshape(*boxes.shape[:-1], 2, 2)
    ordered: NDArray[np.float64] = np.sort(corners, axis=-2).reshape(boxes.shape)
    return ordered
