"""Detections of a frame from masks with ids."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.structures.masks import RLE, encode_mask, mask_box
from avis.structures.media import FrameDetections


def make_detections(
    ids: Sequence[int],
    scores: Sequence[float],
    masks: Sequence[NDArray[Any]],
    boxes: NDArray[Any] | None = None,
    rles: Sequence[RLE] | None = None,
) -> FrameDetections:
    """Build the detections of a frame, sorted by id, with masks as RLE.

    Args:
        ids: N object ids.
        scores: N scores.
        masks: N masks (H, W).
        boxes: (N, 4), x1 y1 x2 y2 in pixels; None takes the boxes of the masks.
        rles: The masks as RLEs; None encodes them.
    """
    order = np.argsort(np.asarray(ids, np.int64), kind='stable')
    if boxes is None:
        boxes = np.array([mask_box(mask) for mask in masks], np.float32).reshape(len(masks), 4)
    return FrameDetections(
        ids=np.asarray(ids, np.int64)[order],
        scores=np.asarray(scores, np.float32)[order],
        boxes=np.asarray(boxes, np.float32)[order],
        masks=[encode_mask(masks[i]) if rles is None else rles[i] for i in order],
    )
