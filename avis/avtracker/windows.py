"""From chunks of speech to the frames that a model is asked about."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avis.avtracker.interfaces import LocalQuery, VideoContext
from avis.avtracker.official.segments import Segment
from avis.structures.media import FrameDetections


@dataclass(frozen=True)
class Window:
    """The frames of one chunk.

    Args:
        question: What is asked; its frames may be a sample of all.
        frame_ids: All frames of the window. The official ones may lie past the last frame.
        first: Where it starts. The official one may be before the first frame, or after its end.
    """

    question: LocalQuery
    frame_ids: tuple[int, ...]
    first: int


def round_half_up(value: float, digits: int = 0) -> float:
    """Round .5 toward plus infinity.

    >>> round_half_up(2.5), round_half_up(-0.5)
    (3.0, 0.0)
    """
    scale = 10**digits
    return float(math.floor(value * scale + 0.5) / scale)


def official_window(
    number: int, chunk: Segment, *, fps: float, max_frames: int, num_frames: int
) -> Window:
    """The window as released: it may be cut (D34), lie before or past the frames (D33, D26).

    Raises:
        TypeError: A chunk without a start or an end.
    """
    start, end = chunk['timestamp']
    first, last = int(round_half_up(start * fps)), int(round_half_up(end * fps))
    if first == last:
        first -= 1
    last = min(last, first + max_frames)
    sent = tuple(range(num_frames)[first:last])
    question = LocalQuery(number, chunk['text'], (start, end), sent)
    return Window(question, tuple(range(first, last)), first)


def corrected_windows(
    chunks: Sequence[Segment], *, fps: float, max_frames: int, num_frames: int
) -> tuple[list[Window], dict[str, int]]:
    """One window per chunk that has a frame; a long one is asked about by a sample of its frames.

    Args:
        chunks: With settled times.
        fps: Frames per second.
        max_frames: Most frames in one question.
        num_frames: T.

    Returns:
        The windows, and how many chunks lie past the last frame.
    """
    windows: list[Window] = []
    counts: Counter[str] = Counter()
    for chunk in chunks:
        start, end = chunk['timestamp']
        first, last = int(round_half_up(start * fps)), int(round_half_up(end * fps))
        first = max(min(first, last - 1), 0)  # a chunk shorter than a frame: the frame before
        last = min(max(last, first + 1), num_frames)
        if first >= last:
            counts['chunks_past_the_last_frame'] += 1
            continue
        frames = tuple(range(first, last))
        asked = _sample(frames, max_frames)
        speaker = chunk.get('speaker')
        question = LocalQuery(len(windows), chunk['text'], (start, end), asked, speaker)
        windows.append(Window(question, frames, first))
    return windows, dict(counts)


def _sample(frames: tuple[int, ...], most: int) -> tuple[int, ...]:
    """At most ``most`` frames spread over all, first and last included; one is the middle."""
    if len(frames) <= most:
        return frames
    if most == 1:
        return (frames[len(frames) // 2],)
    places = np.linspace(0, len(frames) - 1, most).round().astype(int)
    return tuple(frames[place] for place in places)


def fixed_chunks(chunks: Sequence[Segment], *, seconds: float, total: float) -> list[Segment]:
    """Chunks of equal length from 0 to the end, with the texts of what is said in them (D1).

    Args:
        chunks: With settled times.
        seconds: Length of each.
        total: Length of the video in seconds.
    """
    fixed: list[Segment] = []
    for number in range(math.ceil(round(total / seconds, 6))):
        start, end = number * seconds, min((number + 1) * seconds, total)
        said = [c for c in chunks if c['timestamp'][0] < end and start < c['timestamp'][1]]
        if said:
            text = ' '.join(chunk['text'].strip() for chunk in said).strip()
            fixed.append({'text': text, 'timestamp': [start, end]})
    return fixed


def carry_along(video: VideoContext, window: Window, ids: Sequence[int | None]) -> list[int | None]:
    """Rows for all frames of a window from the objects found in the frames asked about (D34).

    A frame between takes the object of the nearest frame asked about, where it is visible.

    Args:
        video: For its detections.
        window: The window.
        ids: Object id per frame asked about, None for nobody.
    """
    asked = np.asarray(window.question.frame_ids)
    rows: list[int | None] = []
    for frame in window.frame_ids:
        wanted = ids[int(np.abs(asked - frame).argmin())]
        rows.append(None if wanted is None else row_of(video.found(frame), wanted))
    return rows


def row_of(found: FrameDetections, wanted: int) -> int | None:
    """The row of an object among the detections of a frame, None where it is not visible."""
    places = np.flatnonzero(found.ids == wanted)
    return int(places[0]) if len(places) else None


def official_entries(video: VideoContext) -> list[tuple[int, FrameDetections]]:
    """The tracker's entries in order: a frame without one shifts all later ones (D30)."""
    return [(frame, found) for frame, found in enumerate(video.detections) if found is not None]
