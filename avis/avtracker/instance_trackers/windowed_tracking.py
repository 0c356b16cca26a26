"""Tracking of long videos window by window, for models that load all frames of a session.

:class:`~avis.models.trackers.stitching.StitchedTracks` joins tracks whose embeddings are known, at
the end of a video; :func:`stitch_windows` yields frames as soon as their window is done and has
masks only. Both match tracks by :func:`~avis.models.trackers.matching.tube_iou`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from avis.models.trackers.matching import match, tube_iou
from avis.structures.masks import RLE
from avis.structures.media import FrameDetections, FrameSource, ImageArray
from avis.structures.windows import cut_windows

_MIN_IOU = 0.5  # over the shared frames: more than half of two masks can be shared by one pair only

WindowDetections = tuple[int, list[FrameDetections]]
"""Index of the first frame, and the detections of each frame of the window."""


def track_windows(
    frames: FrameSource,
    track_window: Callable[[int, int], list[FrameDetections]],
    *,
    size: int | None,
    overlap: int,
) -> Iterator[tuple[int, FrameDetections]]:
    """Track a video window by window.

    Args:
        frames: The frames of the video.
        track_window: Returns the detections of the frames from a start to a stop.
        size: Number of frames of a window; None tracks the whole video at once.
        overlap: Number of frames that neighboring windows share.

    Yields:
        Index and detections of each frame, with ids that are valid in the whole video.
    """
    windows = cut_windows(len(frames), size, overlap)
    return stitch_windows((start, track_window(start, stop)) for start, stop in windows)


def stitch_windows(
    windows: Iterable[WindowDetections],
) -> Iterator[tuple[int, FrameDetections]]:
    """Yield each frame once, in order, with ids that are valid across windows.

    Two objects are the same if their masks overlap in the frames that two windows share; the pairs
    are one to one. Shared frames keep the detections of the earlier window. The ids of the first
    window are kept.
    """
    previous: list[FrameDetections] = []
    frame = 0  # the next to yield
    next_id = 0
    for index, (start, detections) in enumerate(windows):
        shared = frame - start
        new_ids = _match_ids(previous[-shared:] if shared else [], detections[:shared])
        if index:
            for unmatched in sorted({int(i) for one in detections for i in one.ids} - set(new_ids)):
                new_ids[unmatched] = next_id
                next_id += 1
            detections = [_with_ids(one, new_ids) for one in detections]
        previous = detections
        next_id = max([next_id, *(int(one.ids.max()) + 1 for one in detections if len(one))])
        for one in detections[shared:]:
            yield frame, one
            frame += 1


def _match_ids(
    previous: Sequence[FrameDetections], current: Sequence[FrameDetections]
) -> dict[int, int]:
    """Ids of the earlier window by ids of the later one, for the same frames."""
    old, new = _masks_by_id(previous), _masks_by_id(current)
    if not old or not new:
        return {}
    overlaps, _ = tube_iou(list(old.values()), list(new.values()))
    old_ids, new_ids = list(old), list(new)
    return {new_ids[column]: old_ids[row] for row, column in match(overlaps, _MIN_IOU)}


def _masks_by_id(frames: Sequence[FrameDetections]) -> dict[int, list[RLE | None]]:
    """The masks of every object, one per frame, None where it is absent."""
    tracks: dict[int, list[RLE | None]] = {}
    for index, detections in enumerate(frames):
        for object_id, mask in zip(detections.ids, detections.masks, strict=True):
            tracks.setdefault(int(object_id), [None] * len(frames))[index] = mask
    return tracks


def _with_ids(detections: FrameDetections, new_ids: dict[int, int]) -> FrameDetections:
    """The same detections under other ids, sorted by them."""
    ids = np.array([new_ids[int(object_id)] for object_id in detections.ids], np.int64)
    order = np.argsort(ids, kind='stable')
    return replace(
        detections,
        ids=ids[order],
        scores=detections.scores[order],
        boxes=detections.boxes[order],
        masks=[detections.masks[i] for i in order],
    )


def channels_first(image: ImageArray) -> ImageArray:
    """(3, H, W), which transformers reads at any size; the axes of (3, W, 3) it would guess."""
    return np.ascontiguousarray(image.transpose(2, 0, 1))
