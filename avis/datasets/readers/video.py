"""Read single frames of a video file: seek, decode up to the requested time, stop."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from avis.datasets.readers.errors import broken_data_error, require_file

# Containers without an index of key frames: seek instead of decoding more than this.
_SEEK_AFTER_SECONDS = 10.0


@contextmanager
def open_media(path: str | Path) -> Iterator[Any]:
    """Open a container; errors of its decoders are raised as ``BrokenDataError``."""
    require_file(path)
    try:
        with av.open(str(path)) as container:
            yield container
    except av.error.FFmpegError as error:
        raise broken_data_error(path, f'cannot be decoded ({error.strerror})') from error


def container_start(container: Any) -> float:
    """Return the start time of a container in seconds, the zero of all its streams."""
    return 0.0 if container.start_time is None else container.start_time / av.time_base


def read_video_frames(
    path: str | Path,
    times: Sequence[float],
    shrink: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
) -> NDArray[np.uint8]:
    """Decode the frames shown at ``times``.

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
    with open_media(path) as container:
        if not container.streams.video:
            raise broken_data_error(path, 'has no video stream')
        cursor = _Cursor(path, container)
        for time in times:
            # One thread: more would be created anew for every frame, and data loading workers run
            # in parallel.
            yield cursor.frame_at(float(time)).to_ndarray(format='rgb24', threads=1)


@dataclass(frozen=True)
class VideoInfo:
    """Header of a video file: size, frames per second, and length of its video in seconds."""

    height: int
    width: int
    fps: float
    seconds: float
    has_audio: bool


def video_info(path: str | Path) -> VideoInfo:
    """Read size, frame rate and length of a video file.

    Raises:
        FileNotFoundError: The file does not exist.
        BrokenDataError: The file has no video stream, or a video stream without frames.
    """
    with open_media(path) as container:
        if not container.streams.video:
            raise broken_data_error(path, 'has no video stream')
        stream = container.streams.video[0]
        fps = float(stream.average_rate or stream.base_rate or 25)
        if stream.duration is not None:
            seconds = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            seconds = container.duration / av.time_base
        else:  # streams without a header: read the times of the packets, without decoding
            times = [p.pts * p.time_base for p in container.demux(stream) if p.pts is not None]
            if not times:
                raise broken_data_error(path, 'has no frame')
            seconds = float(max(times) - min(times)) + 1 / fps
        return VideoInfo(stream.height, stream.width, fps, seconds, bool(container.streams.audio))


class _Cursor:
    """Reads the video stream of a container forward."""

    def __init__(self, path: str | Path, container: Any) -> None:
        self.path = path
        self.container = container
        self.stream = container.streams.video[0]
        self.stream.codec_context.thread_count = 1  # data loading workers run in parallel
        self.zero = container_start(container)
        self.half = 0.5 / float(self.stream.average_rate or 25)
        index = getattr(self.stream, 'index_entries', ())  # PyAV before 17 has none
        self.keys = np.array([entry.timestamp for entry in index if entry.is_keyframe])
        self.frames = self._decode()
        self.current: Any = None

    def _decode(self) -> Iterator[Any]:
        """Yield the frames from the current position on."""
        yield from self.container.decode(self.stream)

    def frame_at(self, time: float) -> Any:
        """Return the frame nearest to ``time``, which must not be before that of the last call."""
        if self._key_frame_ahead(time):
            offset = int((time + self.zero) / self.stream.time_base)
            self.container.seek(offset, stream=self.stream)
            self.frames, self.current = self._decode(), None
        while self.current is None or self._time(self.current) < time - self.half:
            frame = next(self.frames, None)
            if frame is None:
                return self._last_frame(time)
            self.current = frame
        return self.current

    def _time(self, frame: Any) -> float:
        return float(frame.pts * frame.time_base) - self.zero

    def _key_frame_ahead(self, time: float) -> bool:
        """Whether there is a key frame between the current frame and ``time``."""
        here = -self.half if self.current is None else self._time(self.current)
        if not len(self.keys):
            return time - here > _SEEK_AFTER_SECONDS
        keys = self.keys * float(self.stream.time_base) - self.zero
        before = keys[keys <= time + self.half]
        return len(before) > 0 and before[-1] > here + 2 * self.half

    def _last_frame(self, time: float) -> Any:
        """Return the last frame if ``time`` is within its duration."""
        end = 0.0 if self.current is None else self._time(self.current) + 2 * self.half
        if self.current is None or time > end + self.half:
            raise broken_data_error(
                self.path, f'ends at {end:.2f} s, but a frame at {time:.2f} s was requested'
            )
        return self.current
