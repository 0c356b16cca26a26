"""Windows, their masks and the tracks of persons exactly as the official AVTracker makes them.

Source: FudanCVL/AVTrack, commit 870bf2a; the numbers of defects (D26, ...) are those of
docs/avtracker_defects.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from avis.avtracker.asr.segments import Segment
from avis.avtracker.interfaces import GroundedUtterance, LocalAnswer, LocalQuery, VideoContext
from avis.avtracker.tracks import Person, SegmentMasks, add_window
from avis.avtracker.windows import SpeechWindow, round_half_up
from avis.structures.masks import rle_area


def official_window(
    number: int, segment: Segment, *, fps: float, max_frames: int, num_frames: int
) -> SpeechWindow:
    """The window of a segment: it may be cut (D34) and lie before or after the frames (D33, D26).

    Raises:
        TypeError: A segment without a start or an end.
    """
    start, end = segment['timestamp']
    first, last = int(round_half_up(start * fps)), int(round_half_up(end * fps))
    if first == last:
        first -= 1
    last = min(last, first + max_frames)
    frames = tuple(range(num_frames)[first:last])
    query = LocalQuery(number, segment['text'], (start, end), frames, max_frames=max_frames)
    return SpeechWindow(query, tuple(range(first, last)), first)


def tracker_entries(video: VideoContext) -> list[int]:
    """Frames of the tracker's entries: a frame without one shifts all later ones (D30)."""
    return [frame for frame, found in enumerate(video.detections) if found is not None]


def official_masks(video: VideoContext, window: SpeechWindow, answer: LocalAnswer) -> SegmentMasks:
    """Masks from the tracker's entries, counted without gaps (D30)."""
    entries = tracker_entries(video)
    frames = window.query.frame_ids
    masks = [
        None if row is None else video.found(entries[frame]).masks[row]
        for frame, row in zip(frames, answer.rows, strict=True)
    ]
    areas = [rle_area(mask) for mask in masks]
    # Counted from the start of the window, which may lie outside of the video (D33).
    key = window.first + areas.index(max(areas))
    utterance = GroundedUtterance(window.query, frames, answer.rows, key)
    return SegmentMasks(window, answer, utterance, masks, areas)


def overwrite_windows(
    grouped: Mapping[Any, Any], windows: Sequence[SegmentMasks]
) -> Iterator[Person]:
    """Each person's windows written over each other; later ones win even without masks (D45, D46).

    Persons before an error are complete (D49).

    Args:
        grouped: Positions in ``windows`` by name, as the reply or the faces have them.
        windows: All windows.

    Raises:
        TypeError: Positions that are not whole numbers.
    """
    for number, (name, positions) in enumerate(grouped.items()):
        person = Person(number, name)
        for position in positions:
            if not (position < 0 or position >= len(windows)):  # NaN raises, it is not out of range
                for frame, mask, row in add_window(person, windows[position]):
                    person.masks[frame], person.rows[frame] = mask, row
        yield person
