"""Boxes of replies against boxes of detections. Boxes are corners x1 y1 x2 y2 in pixels."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_pixels(box: Sequence[Any], *, scale: float, size: tuple[int, int]) -> list[int]:
    """A reply's box in pixels, cut toward zero.

    Args:
        box: At least four numbers, in ``scale``-ths of width and height.
        scale: What stands for the full width or height, 1000 for thousandths.
        size: Height and width of the frame.
    """
    height, width = size
    sides = (width, height, width, height)
    return [int(box[place] / scale * side) for place, side in enumerate(sides)]


def official_iou(box: Sequence[int], other: NDArray[np.float32]) -> float:
    """Intersection over union as released: not a number, or an error, for two empty boxes (D38).

    Whether 0 / 0 raises or gives NaN depends on whether a side of the intersection is taken from
    the float32 box (NaN) or from the integers of the reply (an error). Boxes that are turned
    round have negative sides and arbitrary values.

    Raises:
        ZeroDivisionError: Two empty boxes.
        OverflowError: A side or an area that a tensor cannot be compared with.
    """
    area = (box[2] - box[0]) * (box[3] - box[1])
    if not all(-(2**63) <= value < 2**64 for value in (*box, area)):
        raise OverflowError(f'box {box} is too large (D40)')
    width: Any = max(0, min(box[2], other[2]) - max(box[0], other[0]))
    height: Any = max(0, min(box[3], other[3]) - max(box[1], other[1]))
    inter = width * height
    union = float(area + (other[2] - other[0]) * (other[3] - other[1]) - inter)
    if union == 0.0 and isinstance(inter, np.generic):
        return math.nan
    return float(inter / union)


def official_match(
    box: Sequence[int], boxes: NDArray[np.float32]
) -> tuple[int | None, list[float]]:
    """Row of the best detection, however bad (D2), and all values; NaN wins.

    Args:
        box: Of the reply, in pixels; all zero means nobody.
        boxes: (N, 4) of the frame's detections.
    """
    if not any(box) or not len(boxes):
        return None, []
    ious = [official_iou(box, other) for other in boxes]
    return int(np.argmax(ious)), ious


def iou(box: Sequence[float], boxes: NDArray[np.float32]) -> NDArray[np.float64]:
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
