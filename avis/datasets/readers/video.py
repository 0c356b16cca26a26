"""Read single frames of a video file: seek, decode up to the requested time, stop."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from numpy.typing import NDArray

from avis.datasets.readers.container import SEEK_BACK_SECONDS, StreamReader, scan
from avis.datasets.readers.errors import broken_data_error
from avis.structures.media_time import (
    TIME_TOLERANCE,
    choose_fps,
    frame_interval,
    shows_next,
    video_end,
)

# Containers without an index of key frames: seek instead of decoding more than this.
_SEEK_AFTER_SECONDS = 10.0


def read_video_frames(
    path: str | Path,
    times: Sequence[float],
    shrink: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
) -> NDArray[np.uint8]:
    """Decode the frames shown at ``times``, upright.

    If there is a key frame between two requested frames, the reader seeks to it, so the cost grows
    with the number of requested frames and not with the length of the video.

    Args:
        path: Path of the video file.
        times: T times in seconds from the start, in any order.
        shrink: Function applied to each frame (H, W, 3) as soon as it is decoded.

    Returns:
        RGB, shape (T, H, W, 3).

    Raises:
        FileNotFoundError: The file does not exist.
        BrokenDataError: The file has no video stream, cannot be decoded, or ends too early.
    """
    rows: list[Any] = [None] * len(times)
    sizes = set()
    order = np.argsort(times, kind='stable')
    for index, image in zip(order, walk_video(path, np.asarray(times)[order]), strict=True):
        sizes.add(image.shape)
        rows[index] = image if shrink is None else shrink(image)
    if len(sizes) > 1:
        raise broken_data_error(path, 'has frames of several sizes')
    return np.stack(rows)


def walk_video(path: str | Path, times: Iterable[float]) -> Iterator[NDArray[np.uint8]]:
    """Decode the frames shown at ascending ``times`` one after the other, RGB (H, W, 3).

    Raises:
        FileNotFoundError: The file does not exist.
        BrokenDataError: See :func:`read_video_frames`.
    """
    with StreamReader(path, 'video') as reader, closing(_Cursor(reader)) as cursor:
        for time in times:
            frame = cursor.frame_at(float(time))
            yield _upright(frame, cursor.orientation(frame))


@dataclass(frozen=True)
class VideoInfo:
    """What a video file contains.

    Attributes:
        height: Height of the upright frames in pixels.
        width: Width of the upright frames in pixels.
        fps: Frames per second.
        seconds: Time from the start of the container to the end of the last frame.
        has_audio: Whether it has an audio stream.
        pixel_aspect: Width of a pixel divided by its height, as the file is to be shown.
    """

    height: int
    width: int
    fps: float
    seconds: float
    has_audio: bool
    pixel_aspect: Fraction


def video_info(path: str | Path) -> VideoInfo:
    """Read size, frame rate and length of a video file, from its frames and not from its header.

    Raises:
        FileNotFoundError: The file does not exist.
        BrokenDataError: The file has no video stream, or a video stream without frames.
    """
    with StreamReader(path, 'video') as reader, closing(_Cursor(reader)) as cursor:
        stream, frame = reader.stream, cursor.frame_at(0.0)
        turned = cursor.orientation(frame)
        height, width = _upright(frame, turned).shape[:2]
        found = scan(path)
        fps = choose_fps(found.frame_times, stream.average_rate, stream.base_rate)
        end = video_end(
            found.frame_times or [0.0],
            found.last_duration or 1 / fps,
            max(found.audio_ends.values(), default=0.0),
        )
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        aspect = 1 / aspect if turned.transpose else aspect
        return VideoInfo(height, width, fps, end, bool(found.audio_ends), aspect)


class _Orientation(NamedTuple):
    """How to turn a frame upright: transpose, then flip its columns, then its rows."""

    transpose: bool
    columns: bool
    rows: bool


class _Cursor:
    """Reads the video stream of a file forward."""

    def __init__(self, reader: StreamReader) -> None:
        self.reader = reader
        stream = reader.stream
        self.interval = frame_interval(stream.average_rate, stream.base_rate)
        self.step = 1 / float(stream.average_rate or stream.base_rate or 25)
        index = getattr(stream, 'index_entries', ())
        self.key_ticks = [entry.timestamp for entry in index if entry.is_keyframe]
        # Decoding times: hints of where it is worth to seek.
        self.keys = np.array(self.key_ticks) * float(stream.time_base) - reader.start
        self._turned: tuple[int, _Orientation] | None = None
        self._restart(None)

    def close(self) -> None:
        """End the decoding, which would keep this object until a garbage collection."""
        self.frames.close()

    def _restart(self, wanted: float | None) -> None:
        """Forget the frames before a jump to ``wanted``; None at the start of the file."""
        self.wanted = wanted
        self.last: float | None = None  # time of the frame decoded last
        self.current: tuple[float, Any] | None = None
        self.following: tuple[float, Any] | None = None
        self.frames = self._decode()

    def _decode(self) -> Generator[Any, None, None]:
        """Yield the frames from the current position on."""
        key_pts = None
        for packet in self.reader.packets():
            if self.wanted is not None and key_pts is None:
                # After a seek: frames before the first key frame lack those they refer to.
                if self._is_wrong(packet):
                    return
                if not packet.is_keyframe:
                    continue
                key_pts = packet.pts
            for frame in self.reader.decode(packet):
                is_leading = key_pts is not None and frame.pts is not None and frame.pts < key_pts
                if self.reader.slots is not None or not is_leading:
                    yield frame
        yield from self.reader.decode(None)

    def _is_wrong(self, packet: Any) -> bool:
        """Whether a packet after a seek shows that its result is wrong."""
        if packet.pts is None or self.wanted is None:
            return False
        if self.reader.slots is not None and packet.is_keyframe and len(self.key_ticks):
            # With dropped frames in an AVI, FFmpeg miscounts after a seek.
            return packet.dts not in self.key_ticks
        return bool(packet.pts * packet.time_base - self.reader.start > self.wanted + 1)

    def _next(self) -> tuple[float, Any] | None:
        """Decode one frame; its time follows on where it has no time stamp, or runs backward."""
        frame = next(self.frames, None)
        if frame is None:
            return None
        time = self.reader.time(frame)
        if time is None or (self.last is not None and time <= self.last):
            if self.last is None and self.wanted is not None:
                return None  # after a seek nothing says where this is
            time = 0.0 if self.last is None else self.last + self.step
        self.last = time
        return time, frame

    def frame_at(self, time: float) -> Any:
        """Return the frame shown at ``time``, which must not be before that of the last call."""
        if self._key_frame_ahead(time):
            self._seek(time)
        if self.current is None:
            self.current = self._next()
            if self.current is None:
                raise broken_data_error(self.reader.path, 'has no frame that can be decoded')
        while time > self.current[0] + TIME_TOLERANCE:
            self.following = self.following or self._next()
            if self.following is None:
                self._check_end(time)
                break
            if not shows_next(time, self.current[0], self.following[0], self.interval):
                break
            self.current, self.following = self.following, None
        return self.current[1]

    def orientation(self, frame: Any) -> _Orientation:
        """Return how to turn a frame upright.

        A frame whose side data are read is freed by the garbage collector only, hundreds of frames
        later: they are read again where the rotation changes.
        """
        if self._turned is None or self._turned[0] != frame.rotation:
            self._turned = frame.rotation, _orientation(frame)
        return self._turned[1]

    def _key_frame_ahead(self, time: float) -> bool:
        """Whether there is a key frame between the current frame and ``time``."""
        if not self.reader.seekable:
            return False
        here = -self.step / 2 if self.current is None else self.current[0]
        if not len(self.keys):
            return time - here > _SEEK_AFTER_SECONDS
        before = self.keys[self.keys <= time + self.step / 2]
        return len(before) > 0 and bool(before[-1] > here + self.step)

    def _seek(self, time: float) -> None:
        """Go to a frame that is not after ``time``: further back until that is so."""
        for back in SEEK_BACK_SECONDS:
            if time - back <= 0:
                break
            if not self.reader.seek(time - back + TIME_TOLERANCE):
                self.reader.seekable = False
                break
            self._restart(time)
            self.current = self._next()
            if self.current is not None and self.current[0] <= time + TIME_TOLERANCE:
                return
        else:
            self.reader.seekable = False  # decode all from now on
        self.reader.reopen()
        self._restart(None)

    def _check_end(self, time: float) -> None:
        """Refuse a time after the end, which is that of the audio if it lasts longer."""
        assert self.current is not None
        end = self.current[0] + self.step
        if time <= end + self.interval / 2:
            return
        end = max(end, *scan(self.reader.path).audio_ends.values(), 0.0)
        if time > end:
            raise broken_data_error(
                self.reader.path, f'ends at {end:.2f} s, but a frame at {time:.2f} s was requested'
            )


def _orientation(frame: Any) -> _Orientation:
    """Return how to turn a frame upright by its side data.

    The display matrix maps columns x and rows y to a x + c y and b x + d y.
    """
    data = frame.side_data.get(SideDataType.DISPLAYMATRIX)
    if data is None:
        return _Orientation(False, False, False)
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return _Orientation(False, a < 0, d < 0)
    return _Orientation(True, c < 0, b < 0)


def _upright(frame: Any, turned: _Orientation) -> NDArray[np.uint8]:
    """Convert a decoded frame to RGB, rotated and mirrored as it is to be shown."""
    # One thread: more would be created anew for every frame, and data loading workers run in
    # parallel.
    image: NDArray[np.uint8] = frame.to_ndarray(format='rgb24', threads=1)
    if turned.transpose:
        image = image.transpose(1, 0, 2)
    if turned.columns:
        image = image[:, ::-1]
    if turned.rows:
        image = image[::-1]
    return np.ascontiguousarray(image)
