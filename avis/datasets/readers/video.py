"""Read single frames of a video file: seek, decode up to the wanted time, stop."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from avis.datasets.readers.errors import broken_data_error, require_file

# Without an index of key frames (some containers) a longer way than this is not decoded through.
_SEEK_AFTER_SECONDS = 10.0


@contextmanager
def open_media(path: str | Path) -> Iterator[Any]:
    """Open a container; whatever its decoders complain about becomes a ``BrokenDataError``."""
    require_file(path)
    try:
        with av.open(str(path)) as container:
            yield container
    except av.error.FFmpegError as error:
        raise broken_data_error(path, f'cannot be decoded ({error.strerror})') from error


def container_start(container: Any) -> float:
    """Where the time of a container begins, in seconds; all its streams share this zero."""
    return 0.0 if container.start_time is None else container.start_time / av.time_base


def read_video_frames(
    path: str | Path,
    times: Sequence[float],
    shrink: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
) -> NDArray[np.uint8]:
    """Decode the frames shown at ``times``.

    Frames between two wanted ones are passed over by seeking to a key frame wherever one lies
    in between, so the cost follows the number of wanted frames and not the length of the video.

    Args:
        path: Video file.
        times: T times in seconds from the start, in any order.
        shrink: Applied to each frame (H, W, 3) as soon as it is decoded.

    Returns:
        RGB, shape (T, H, W, 3).

    Raises:
        FileNotFoundError: No such file.
        BrokenDataError: No video stream, a decoding error, or the video ends too early.
    """
    rows: list[Any] = [None] * len(times)
    sizes = set()
    order = np.argsort(times, kind='stable')
    for index, image in zip(order, walk_video(path, np.asarray(times)[order]), strict=True):
        sizes.add(image.shape)
        rows[index] = image if shrink is None else shrink(image)
    if len(sizes) > 1:
        raise broken_data_error(path, 'changes its frame size in the middle')
    return np.stack(rows)


def walk_video(path: str | Path, times: Iterable[float]) -> Iterator[NDArray[np.uint8]]:
    """Decode the frames shown at rising ``times`` one after the other, RGB (H, W, 3).

    Raises:
        FileNotFoundError: No such file.
        BrokenDataError: See :func:`read_video_frames`.
    """
    with open_media(path) as container:
        if not container.streams.video:
            raise broken_data_error(path, 'has no video stream')
        cursor = _Cursor(path, container)
        for time in times:
            # One thread: several would be made anew for every frame, and videos are read side by
            # side in workers.
            yield cursor.frame_at(float(time)).to_ndarray(format='rgb24', threads=1)


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself: size, frames per second, and seconds of its image."""

    height: int
    width: int
    fps: float
    seconds: float
    has_audio: bool


def video_info(path: str | Path) -> VideoInfo:
    """Size, pace and length of a video file.

    Raises:
        FileNotFoundError: No such file.
        BrokenDataError: No video stream, or one without any frame.
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
        else:  # streams without a header: walk through the packets, which decodes nothing
            times = [p.pts * p.time_base for p in container.demux(stream) if p.pts is not None]
            if not times:
                raise broken_data_error(path, 'has no frame')
            seconds = float(max(times) - min(times)) + 1 / fps
        return VideoInfo(stream.height, stream.width, fps, seconds, bool(container.streams.audio))


class _Cursor:
    """Walks forward through the video stream of a container."""

    def __init__(self, path: str | Path, container: Any) -> None:
        self.path = path
        self.container = container
        self.stream = container.streams.video[0]
        self.stream.codec_context.thread_count = 1  # the data loader's workers are the threads
        self.zero = container_start(container)
        self.half = 0.5 / float(self.stream.average_rate or 25)
        index = getattr(self.stream, 'index_entries', ())  # PyAV before 17 has none
        self.keys = np.array([entry.timestamp for entry in index if entry.is_keyframe])
        self.frames = self._decode()
        self.current: Any = None

    def _decode(self) -> Iterator[Any]:
        """Frames from here on, one at a time."""
        yield from self.container.decode(self.stream)

    def frame_at(self, time: float) -> Any:
        """The frame nearest to ``time``, which is never before that of the last call."""
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
        """Is there a key frame between here and ``time``?"""
        here = -self.half if self.current is None else self._time(self.current)
        if not len(self.keys):
            return time - here > _SEEK_AFTER_SECONDS
        keys = self.keys * float(self.stream.time_base) - self.zero
        before = keys[keys <= time + self.half]
        return len(before) > 0 and before[-1] > here + 2 * self.half

    def _last_frame(self, time: float) -> Any:
        """The video ended: its last frame still counts for the time that it is shown."""
        end = 0.0 if self.current is None else self._time(self.current) + 2 * self.half
        if self.current is None or time > end + self.half:
            raise broken_data_error(
                self.path, f'ends at {end:.2f} s, but a frame at {time:.2f} s is wanted'
            )
        return self.current
