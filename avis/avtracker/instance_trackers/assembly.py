"""Detections of a frame from masks, and identities across frames and windows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.models.trackers.matching import match, tube_iou
from avis.structures.masks import RLE, encode_mask, mask_box
from avis.structures.media import FrameDetections, ImageArray

WindowOfFrames = tuple[int, list[FrameDetections]]
"""Number of the first frame, and the detections of the frames from there on."""


def assemble(
    ids: Sequence[int],
    scores: Sequence[float],
    masks: Sequence[NDArray[Any]],
    boxes: NDArray[Any] | None = None,
) -> FrameDetections:
    """Detections in order of their ids, masks as RLE.

    Args:
        ids: N numbers.
        scores: N confidences.
        masks: N masks (H, W).
        boxes: (N, 4); None takes the first and last row and column of each mask.
    """
    order = np.argsort(np.asarray(ids, np.int64), kind='stable')
    if boxes is None:
        boxes = np.array([mask_box(mask) for mask in masks], np.float32).reshape(len(masks), 4)
    return FrameDetections(
        ids=np.asarray(ids, np.int64)[order],
        scores=np.asarray(scores, np.float32)[order],
        boxes=np.asarray(boxes, np.float32)[order],
        masks=[encode_mask(masks[i]) for i in order],
    )


def channels_first(image: ImageArray) -> ImageArray:
    """(3, H, W), as which transformers reads any image: of (H, W, 3) with few rows it guesses."""
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def stitched(
    windows: Iterable[WindowOfFrames], *, min_iou: float = 0.5
) -> Iterator[tuple[int, FrameDetections]]:
    """Frames in order, each once, with ids that go on from window to window.

    Two objects are the same if their masks overlap over the frames that two windows share, best
    pairs first. In shared frames the earlier window stays. A single window comes back as it is.
    """
    before: list[FrameDetections] = []
    frame = 0  # the next to give
    next_id = 0
    for number, (start, found) in enumerate(windows):
        shared = frame - start
        names = _same(before[-shared:] if shared else [], found[:shared], min_iou)
        if number:
            for stranger in sorted({int(i) for one in found for i in one.ids} - set(names)):
                names[stranger] = next_id
                next_id += 1
            found = [_renamed(one, names) for one in found]
        before = found
        next_id = max([next_id, *(int(one.ids.max()) + 1 for one in found if len(one))])
        for one in found[shared:]:
            yield frame, one
            frame += 1


def _same(
    before: Sequence[FrameDetections], after: Sequence[FrameDetections], min_iou: float
) -> dict[int, int]:
    """Ids of the earlier window by those of the later one."""
    old, new = _tracks(before), _tracks(after)
    if not old or not new:
        return {}
    overlaps, _ = tube_iou(list(old.values()), list(new.values()))
    old_ids, new_ids = list(old), list(new)
    return {new_ids[column]: old_ids[row] for row, column in match(overlaps, min_iou)}


def _tracks(frames: Sequence[FrameDetections]) -> dict[int, list[RLE | None]]:
    """The masks of every object over some frames, by its id."""
    tracks: dict[int, list[RLE | None]] = {}
    for place, found in enumerate(frames):
        for number, mask in zip(found.ids, found.masks, strict=True):
            tracks.setdefault(int(number), [None] * len(frames))[place] = mask
    return tracks


def _renamed(found: FrameDetections, names: dict[int, int]) -> FrameDetections:
    """The same detections under other ids, in their order."""
    ids = np.array([names[int(number)] for number in found.ids], np.int64)
    order = np.argsort(ids, kind='stable')
    return replace(
        found,
        ids=ids[order],
        scores=found.scores[order],
        boxes=found.boxes[order],
        masks=[found.masks[i] for i in order],
    )
