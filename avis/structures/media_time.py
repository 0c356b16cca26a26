"""Media time: how times, frames and audio samples correspond, and how broken clocks continue.

Time is measured in seconds from the start of the container, which is the earliest time stamp of its
streams. Frame k of a video that is read at ``fps`` frames per second is the one shown at k / fps
seconds; its audio lasts from k / fps to (k + 1) / fps. All readers and writers use these functions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

TIME_TOLERANCE = 1e-3
"""Seconds by which time stamps may be rounded: Matroska and Flash store milliseconds."""

_LONGEST_ROUNDING = 0.1  # s; in a slower video the next frame is never shown 50 ms too early
_PLAUSIBLE_FPS = 240
_RESTART_BACKWARD = 0.2  # s; decoding times of a stream never decrease
_PIECES_OVERLAP = 2.0  # s, because streams of a piece do not end at the same time
_RESTART_FORWARD = 10.0  # s without any packet, as in the ffmpeg program


def frame_time(index: Any, fps: float) -> Any:
    """Return the time of frame ``index``, a number or an array."""
    return index / fps


def num_frames(seconds: float, fps: float) -> int:
    """Return the number of frames that fit completely into ``seconds``, at least 1."""
    return max(int(seconds * fps + TIME_TOLERANCE), 1)


def num_samples(frames: int, fps: float, sample_rate: int) -> int:
    """Return the number of audio samples that last as long as ``frames`` frames.

    This is also the index of the first sample of frame ``frames``.

    >>> num_samples(3, 2.0, 16000)
    24000
    """
    return round(frames * (sample_rate / fps))


def frame_interval(*rates: float | None) -> float:
    """Return the shortest plausible frame interval that a file states, at most 0.1 s.

    Args:
        rates: Frame rates from the header; zero, None and rates above 240 are ignored.
    """
    plausible = [float(rate) for rate in rates if rate and rate <= _PLAUSIBLE_FPS]
    return min(1 / max(plausible), _LONGEST_ROUNDING) if plausible else 0.04


def shows_next(time: float, current: float, following: float, interval: float) -> bool:
    """Whether ``following`` is shown at ``time`` instead of ``current``.

    The frame shown is the last one whose time stamp is not after ``time``. Requested times and time
    stamps are rounded, so the next frame counts if it is at most half a frame away: half of the
    interval to it, and of the usual interval. After a pause it is therefore never shown early.

    Args:
        time: Time in seconds.
        current: Time stamp of a frame.
        following: Time stamp of the frame after it.
        interval: Usual time between frames, see :func:`frame_interval`.

    >>> shows_next(0.99, 0.96, 1.0, 0.04), shows_next(0.97, 0.96, 1.0, 0.04)
    (True, False)
    >>> shows_next(2.0, 0.0, 2.1, 0.04)
    False
    """
    return time >= following - min(following - current, interval, _LONGEST_ROUNDING) / 2


def choose_fps(times: Sequence[float], average: float | None, base: float | None) -> float:
    """Return the frame rate of a video from its header, or from its time stamps.

    Args:
        times: Time stamps of the frames, ascending.
        average: Mean rate that the header states. It is wrong in videos with pauses, and in
            containers that only guess it; then the base rate counts.
        base: Lowest rate at which all time stamps can be represented.

    >>> choose_fps([0.0, 0.04, 0.08, 3.0, 3.04], 1.6, 25)
    25.0
    >>> choose_fps([0.0, 1.0, 1.4, 3.0, 3.4], 1.76, 5)
    5.0
    """
    stated = [float(rate) for rate in (average, base) if rate]
    steps = np.diff(times)
    steps = steps[steps > 0]
    if not len(steps):
        usable = [rate for rate in stated if rate <= _PLAUSIBLE_FPS]
        return usable[0] if usable else 25.0
    pace = 1 / float(np.median(steps))
    is_regular = np.mean(np.abs(steps * pace - 1) <= 0.25) >= 0.5
    for rate in stated if is_regular else ():
        if 0.8 * pace <= rate <= 1.25 * pace:
            return rate
    # Slides have no pace: their base rate shows each of them in time.
    for rate in reversed(stated):
        if 0.8 * pace <= rate <= _PLAUSIBLE_FPS / 2:
            return rate
    return pace


def video_end(times: Sequence[float], last_duration: float, audio_end: float) -> float:
    """Return the end of a video: that of its last frame, which is held while the audio continues.

    Audio often ends a fraction of a second after the video because encoders fill their last block;
    this holds no frame.

    Args:
        times: Time stamps of the frames, ascending, at least one.
        last_duration: Duration of the last frame as the file states it.
        audio_end: End of the audio; 0 without audio.
    """
    end = times[-1] + last_duration
    if audio_end <= end:
        return end
    if len(times) > 1:
        end = max(end, min(audio_end, 2 * times[-1] - times[-2]))
    return audio_end if audio_end - end > 0.2 else end


class ContinuousClock:
    """Makes the time stamps of a file continuous whose clock restarts or jumps.

    Recordings that were joined without new time stamps start again at zero; broadcasts jump by
    hours. Every such piece follows the one before. A pause, in which other streams go on, is kept.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._shift = 0.0  # of the last piece
        self._streams: dict[int, tuple[float, float]] = {}  # shift, and end of the last packet
        self._end = float('-inf')

    @property
    def last_shift(self) -> float:
        """Seconds that are added to the time stamps of the last piece."""
        return self._shift

    def shift(self, stream: int, time: float, shown: float, duration: float = 0.0) -> float:
        """Return the seconds to add to the time stamps of a packet.

        Args:
            stream: Index of the stream; packets come in the order of the file.
            time: Decoding time of the packet, which never decreases in a stream.
            shown: Presentation time of the packet.
            duration: Duration of the packet.
        """
        shift, expected = self._streams.get(stream, (self._shift, time + self._shift))
        if not self._goes_on(time + shift, expected):
            # Another stream may have started the next piece already.
            known = self._goes_on(time + self._shift, expected - _PIECES_OVERLAP)
            if shift == self._shift or not known:
                self._shift = self._end - shown
                self.restarts += 1
            shift = self._shift
        self._streams[stream] = (shift, time + shift + duration)
        self._end = max(self._end, shown + shift + duration)
        return shift

    def _goes_on(self, time: float, expected: float) -> bool:
        is_first = self._end == float('-inf')
        return is_first or expected - _RESTART_BACKWARD <= time <= self._end + _RESTART_FORWARD
