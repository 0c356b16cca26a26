"""When a track makes a sound, in seconds."""

from typing import NamedTuple

from avis.structures.intervals import true_intervals
from avis.structures.media_time import frame_time
from avis.structures.video_result import TrackResult, VideoResult


class SoundingSegment(NamedTuple):
    """Consecutive frames in which a track makes a sound.

    Args:
        start: Seconds from the start of the video: the start of the first frame.
        end: Seconds from the start of the video: the end of the last frame.
        confidence: Score of the track, 0 to 1.
    """

    start: float
    end: float
    confidence: float


def sounding_segments(track: TrackResult, fps: float) -> list[SoundingSegment]:
    """The times in which a track makes a sound, in order.

    The frames are a half-open interval: frames 2 to 4 of 10 frames per second last from 0.2 to
    0.5 seconds. Gaps are kept however short: one silent frame ends a segment, so that the segments
    contain exactly the sounding frames.

    Args:
        track: The track.
        fps: Frames per second.

    >>> import numpy as np
    >>> from avis.structures.mask_track import MaskTrack
    >>> sounding = np.array([0, 0, 1, 1, 1, 0, 1], bool)
    >>> masks = MaskTrack.from_dense(sounding[:, None, None])
    >>> [s[:2] for s in sounding_segments(TrackResult(1, 'Ann', masks, sounding), 10)]
    [(0.2, 0.5), (0.6, 0.7)]
    """
    return [
        SoundingSegment(frame_time(start, fps), frame_time(stop, fps), track.score)
        for start, stop in true_intervals(track.sounding)
    ]


def video_segments(result: VideoResult) -> list[tuple[TrackResult, SoundingSegment]]:
    """The sounding segments of all tracks with their track, by start and id."""
    found = [
        (track, segment)
        for track in result.tracks
        for segment in sounding_segments(track, result.fps)
    ]
    return sorted(found, key=lambda pair: (pair[1].start, pair[0].id))
