"""The speakers and the visible objects of a video, as groundings without a language model see them.

Letters: S speaker of the recognizer, N object of the instance tracker, T frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.avtracker.interfaces import LocalQuery, VideoContext
from avis.avtracker.windows import row_of

_Bools = NDArray[np.bool_]
_Floats = NDArray[np.float64]

_MIN_COVERED = 1 / 3  # share of a face that the mask of its person covers


@dataclass(frozen=True)
class VideoObjects:
    """The objects of a video.

    Args:
        ids: Object ids, increasing, (N,).
        visible: Frames in which each object is visible, (N, T).
        prominence: 0 to 1, large and centered objects have more, (N,).
    """

    ids: list[int]
    visible: _Bools
    prominence: _Floats


@dataclass(frozen=True)
class VideoSpeakers:
    """The speakers of the queries.

    Args:
        names: One per speaker, (S,).
        of_query: Index of the speaker of each query.
        diarized: Speakers that the recognizer distinguishes, (S,).
    """

    names: list[str]
    of_query: list[int]
    diarized: _Bools


def speakers_of(queries: Sequence[LocalQuery]) -> VideoSpeakers:
    """One speaker per label, and one per window without a label."""
    labels = [
        (True, query.speaker) if query.speaker is not None else (False, f'of window {query.window}')
        for query in queries
    ]
    known = list(dict.fromkeys(labels))
    return VideoSpeakers(
        names=[name for _, name in known],
        of_query=[known.index(label) for label in labels],
        diarized=np.array([has_label for has_label, _ in known], bool),
    )


def objects_of(video: VideoContext) -> VideoObjects:
    """All objects that are detected in any frame."""
    frames = range(len(video.detections))
    ids = sorted({object_id for frame in frames for object_id in video.found(frame).ids.tolist()})
    visible = np.zeros((len(ids), len(video.detections)), bool)
    prominence = np.zeros(len(ids))
    height, width = video.frames.size
    for frame in frames:
        found = video.found(frame)
        rows = np.searchsorted(ids, found.ids)
        visible[rows, frame] = True
        centered = 1 - np.abs((found.boxes[:, 0] + found.boxes[:, 2]) / width - 1).clip(0, 1)
        areas = np.array([coco_mask.area(mask) for mask in found.masks])
        prominence[rows] += (np.sqrt(areas / (height * width)) + centered) / 2
    return VideoObjects(ids, visible, prominence / np.maximum(visible.sum(axis=1), 1))


def speech_shares(
    queries: Sequence[LocalQuery], speakers: VideoSpeakers, starts: _Floats, length: float
) -> _Floats:
    """Share of each measured frame in which each speaker speaks, (S, T)."""
    speech = np.zeros((len(speakers.names), len(starts)))
    for query, speaker in zip(queries, speakers.of_query, strict=True):
        start, end = query.timestamp
        overlap = np.minimum(end, starts + length) - np.maximum(start, starts)
        speech[speaker] += overlap.clip(0) / length
    return speech.clip(0, 1)


def row_of_objects(video: VideoContext, frame: int, object_ids: Sequence[int]) -> int | None:
    """The row of the speaker's detection; only one of several objects is visible in a frame."""
    found = video.detections[frame]
    rows = [] if found is None else [row_of(found, object_id) for object_id in object_ids]
    return next((row for row in rows if row is not None), None)


def covering_mask(box: _Floats, masks: Sequence[_Bools]) -> int | None:
    """Index of the mask that covers most of a face with a box; None if all cover too little."""
    height, width = masks[0].shape
    x1, y1, x2, y2 = box.round().astype(int)
    inside = np.s_[max(y1, 0) : min(y2, height), max(x1, 0) : min(x2, width)]
    covered = [mask[inside].sum() / max((x2 - x1) * (y2 - y1), 1) for mask in masks]
    best = int(np.argmax(covered))
    return best if covered[best] > _MIN_COVERED else None


def explain(objects: VideoObjects, object_ids: Sequence[int]) -> str:
    """Why these objects are the speaker, for the reader of the record."""
    if not objects.ids:
        return 'nobody is visible'
    if not object_ids:
        return 'no mouth moves with the speech'
    return f'the speaker is object {" and ".join(map(str, object_ids))}'
