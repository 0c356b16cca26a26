"""From segments of speech to windows: the frames that a grounding is asked about."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avis.avtracker.asr.segments import Segment
from avis.avtracker.interfaces import LocalQuery, VideoContext
from avis.structures.media import FrameDetections


@dataclass(frozen=True)
class SpeechWindow:
    """The frames of one segment of speech.

    Args:
        query: What is asked; its frames may be a sample of all.
        frame_ids: All frames of the window. Official windows may extend past the last frame.
        first: First frame. That of an official window may lie before or after the video.
    """

    query: LocalQuery
    frame_ids: tuple[int, ...]
    first: int


def round_half_up(value: float, digits: int = 0) -> float:
    """Round .5 toward plus infinity.

    >>> round_half_up(2.5), round_half_up(-0.5)
    (3.0, 0.0)
    """
    scale = 10**digits
    return float(math.floor(value * scale + 0.5) / scale)


def speech_windows(
    segments: Sequence[Segment],
    *,
    fps: float,
    max_frames: int,
    num_frames: int,
    counts: Counter[str],
) -> list[SpeechWindow]:
    """One window per segment inside the video; queries of long ones have a sample of its frames.

    Args:
        segments: With both times known.
        fps: Frames per second.
        max_frames: Most frames in one query.
        num_frames: T.
        counts: Counts the segments past the last frame, which have no window.
    """
    windows: list[SpeechWindow] = []
    for segment in segments:
        start, end = segment['timestamp']
        first, last = int(round_half_up(start * fps)), int(round_half_up(end * fps))
        first = max(min(first, last - 1), 0)  # a segment shorter than a frame: the frame before
        last = min(max(last, first + 1), num_frames)
        if first >= last:
            counts['chunks_past_the_last_frame'] += 1
            continue
        frames = tuple(range(first, last))
        query = LocalQuery(
            len(windows),
            segment['text'],
            (start, end),
            _sample(frames, max_frames),
            segment.get('speaker'),
            max_frames,
        )
        windows.append(SpeechWindow(query, frames, first))
    return windows


def _sample(frames: tuple[int, ...], most: int) -> tuple[int, ...]:
    """At most ``most`` frames spread over all, first and last included; one is the middle."""
    if len(frames) <= most:
        return frames
    if most == 1:
        return (frames[len(frames) // 2],)
    indices = np.linspace(0, len(frames) - 1, most).round().astype(int)
    return tuple(frames[index] for index in indices)


def fixed_segments(segments: Sequence[Segment], *, seconds: float, total: float) -> list[Segment]:
    """Segments of equal length from 0 to the end, with the text spoken in each; silent ones none.

    Args:
        segments: With both times known.
        seconds: Length of each.
        total: Length of the video in seconds.
    """
    fixed: list[Segment] = []
    for number in range(math.ceil(round(total / seconds, 6))):
        start, end = number * seconds, min((number + 1) * seconds, total)
        spoken = [s for s in segments if s['timestamp'][0] < end and start < s['timestamp'][1]]
        if spoken:
            text = ' '.join(segment['text'].strip() for segment in spoken).strip()
            fixed.append({'text': text, 'timestamp': [start, end]})
    return fixed


def rows_of_window(
    video: VideoContext, window: SpeechWindow, ids: Sequence[int | None]
) -> list[int | None]:
    """Rows for all frames of a window from the objects in the frames of its query.

    A frame in between gets the object of the nearest frame of the query, where it is visible.

    Args:
        video: For its detections.
        window: The window.
        ids: Object id per frame of the query, None for nobody.
    """
    rows: list[int | None] = []
    nearest = nearest_asked(window.query.frame_ids, window.frame_ids)
    for frame, index in zip(window.frame_ids, nearest, strict=True):
        wanted = ids[index]
        rows.append(None if wanted is None else row_of(video.found(frame), wanted))
    return rows


def nearest_asked(asked: Sequence[int], frames: Sequence[int]) -> list[int]:
    """For each frame the index of the nearest frame of a query."""
    wanted = np.asarray(asked)
    return [int(np.abs(wanted - frame).argmin()) for frame in frames]


def row_of(found: FrameDetections, wanted: int) -> int | None:
    """The row of an object in the detections of a frame, None where it is not visible."""
    rows = np.flatnonzero(found.ids == wanted)
    return int(rows[0]) if len(rows) else None
