"""Whole videos read on demand: frames one by one, the audio part by part."""

import hashlib
import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from avis.datasets.readers.audio import audio_info, read_audio
from avis.datasets.readers.container import NoAudioError, warn_once
from avis.datasets.readers.errors import BrokenDataError, broken_data_error, require_file
from avis.datasets.readers.images import read_image
from avis.datasets.readers.video import walk_video
from avis.structures.media import StoredSamples
from avis.structures.media_time import frame_time

_CACHED_FRAMES = 16
_SECONDS_DECODED = 60  # of audio at a time
_SILENCE_AT_ONCE = 1 << 20  # samples
# Of a larger file only both ends, its size and its modification time are hashed.
_MAX_HASHED_BYTES = 64 * 2**20


class _Frames:
    """Base of both kinds: a cache of a few frames, and one reader at a time."""

    def __init__(self, *, name: str, fps: float, length: int) -> None:
        self.name, self.fps, self.length = name, fps, length
        self._size: tuple[int, int] | None = None
        self._open()

    def _open(self) -> None:
        self._lock = threading.RLock()
        self._cache: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        not_pickled = ('_lock', '_cache', '_walk')
        return {key: value for key, value in self.__dict__.items() if key not in not_pickled}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def __len__(self) -> int:
        return self.length

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the first frame."""
        if self._size is None:
            self._size = (self[0].shape[0], self[0].shape[1])
        return self._size

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Return frame ``index``, RGB (H, W, 3).

        Raises:
            IndexError: ``index`` is not in [0, length).
            BrokenDataError: The frame cannot be read, or has another size than the first.
        """
        if not 0 <= index < self.length:
            raise IndexError(f'{self.name}: frame {index} of {self.length}')
        with self._lock:
            if index not in self._cache:
                self._cache[index] = self._checked(index)
                while len(self._cache) > _CACHED_FRAMES:
                    self._cache.popitem(last=False)
            return self._cache[index]

    def _checked(self, index: int) -> NDArray[np.uint8]:
        image = self.read(index)
        size = (image.shape[0], image.shape[1])
        if self._size is None:
            self._size = size if index == 0 else None
        elif size != self._size:
            raise broken_data_error(
                self.location(index), f'is {size} (H, W), but the first frame is {self._size}'
            )
        return image

    def read(self, index: int) -> NDArray[np.uint8]:
        """Read one frame."""
        raise NotImplementedError

    def location(self, index: int) -> str:
        """Return path and time of a frame, for errors."""
        raise NotImplementedError


class ImageFrames(_Frames):
    """Frames of a video stored as image files.

    Args:
        paths: One path per frame.
        name: Name of the video.
        fps: Frames per second.
    """

    def __init__(self, paths: Sequence[str | Path], *, name: str, fps: float) -> None:
        self.paths = [str(path) for path in paths]
        super().__init__(name=name, fps=fps, length=len(self.paths))

    def read(self, index: int) -> NDArray[np.uint8]:
        """Read one frame."""
        return read_image(self.paths[index])

    def location(self, index: int) -> str:
        """Return the path of a frame."""
        return self.paths[index]

    def content_key(self) -> str:
        """Return a hash of the files."""
        return _hashed(self.paths, self.fps)


class VideoFileFrames(_Frames):
    """Frames of a video file: frame k is the one shown at start + k / fps seconds.

    Reading forward decodes each frame once; going back opens the file again, unless the frame is
    still in the cache.

    Args:
        path: Path of the video file.
        name: Name of the video.
        fps: Frames per second to read.
        length: Number of frames to read.
        start: Second of the file at which frame 0 is shown.
    """

    def __init__(
        self, path: str | Path, *, name: str, fps: float, length: int, start: float = 0.0
    ) -> None:
        self.path, self.start = str(path), start
        super().__init__(name=name, fps=fps, length=length)

    def _open(self) -> None:
        super()._open()
        self._next = 0
        self._walk: Iterator[NDArray[np.uint8]] | None = None

    def _times(self) -> Iterator[float]:
        """Yield the time of the next frame to read, which :meth:`read` sets."""
        while True:
            yield self._time(self._next)

    def _time(self, index: int) -> float:
        return self.start + float(frame_time(index, self.fps))

    def read(self, index: int) -> NDArray[np.uint8]:
        """Read one frame."""
        if self._walk is None or index < self._next:
            self._walk = walk_video(self.path, self._times())
        self._next = index
        try:
            return next(self._walk)
        except BaseException:
            self._walk = None  # the decoder has no valid position
            raise

    def location(self, index: int) -> str:
        """Return path and time of a frame."""
        return f'{self.path} at {self._time(index):.2f} s'

    def content_key(self) -> str:
        """Return a hash of the file and of the choice of frames."""
        start = (self.start,) if self.start else ()
        return _hashed([self.path], (self.fps, self.length, *start))


class AudioFile:
    """Audio of a video; silence if it has no audio, and where it cannot be read; both are logged.

    Args:
        path: Path of the audio or video file; None for silence.
        sample_rate: Samples per second.
        seconds: Length of the silence for a video without audio.
        track: Index among the audio streams of the file; None for its default track.
        span: Start and end in seconds of the file; None for the whole file.
    """

    def __init__(
        self,
        path: str | None,
        *,
        sample_rate: int,
        seconds: float,
        track: int | None = None,
        span: tuple[float, float] | None = None,
    ) -> None:
        self.path, self.sample_rate, self.seconds = path, sample_rate, seconds
        self.track, self.span = track, span

    def open(self) -> StoredSamples:
        """Decode the file or span, mono; its samples are read on access.

        Raises:
            FileNotFoundError: The file does not exist.
            BrokenDataError: No second of it can be decoded.
        """
        try:
            if self.path is not None:
                return StoredSamples(self._decoded_parts(self.path))
        except NoAudioError:
            warn_once(str(self.path), 'has no audio stream, silence is used', 'missing')
        except BrokenDataError as error:
            return StoredSamples(self._decoded_seconds(error))
        return StoredSamples(_silence(round(self.seconds * self.sample_rate)))

    def read(self) -> NDArray[np.float32]:
        """Return all samples of :meth:`open`, float32 (S,)."""
        return self.open()[:]

    def _decoded_parts(self, path: str) -> Iterator[NDArray[np.float32]]:
        """Yield the audio in parts, because decoding takes thirty times the memory of the result.

        The length in the header may be too large: empty parts at the end are left out, and gaps in
        between are filled with silence.
        """
        length = _SECONDS_DECODED * self.sample_rate
        first, end = self._bounds(path)
        count = max(math.ceil((end - first) / _SECONDS_DECODED), 1)
        options: dict[str, Any] = {'sample_rate': self.sample_rate, 'track': self.track}
        offset = round(first * self.sample_rate)
        # The last part of a file ends where its audio ends, whatever the header says.
        done = (count - 1) * length
        rest = None if self.span is None else round((end - first) * self.sample_rate) - done
        yielded = 0
        for start in range(0, count * length, length):
            number = rest if start == done else length
            part = read_audio(path, start=offset + start, num_samples=number, **options)
            if len(part):
                yield from _silence(start - yielded)
                yield part
                yielded = start + len(part)

    def _bounds(self, path: str) -> tuple[float, float]:
        """Return the seconds at which reading starts and ends."""
        return (0.0, audio_info(path, self.track).seconds) if self.span is None else self.span

    def _decoded_seconds(self, error: BrokenDataError) -> Iterator[NDArray[np.float32]]:
        """Yield damaged audio second by second; unreadable seconds become silence."""
        assert self.path is not None
        first, end = self._bounds(self.path)
        seconds = math.ceil(end - first)
        lost = 0
        for second in range(seconds):
            block = self._read_second(first + second)
            lost += block is None
            yield np.zeros(self.sample_rate, np.float32) if block is None else block
        if lost == seconds:
            raise error
        print_log(
            f'{self.path}: {lost} of {seconds} seconds of audio cannot be read and become '
            f'silence. {error}',
            logger='current',
            level=logging.WARNING,
        )

    def _read_second(self, second: float) -> NDArray[np.float32] | None:
        rate = self.sample_rate
        try:
            return read_audio(
                str(self.path),
                sample_rate=rate,
                start=round(second * rate),
                num_samples=rate,
                track=self.track,
            )
        except BrokenDataError:
            return None


def _silence(count: int) -> Iterator[NDArray[np.float32]]:
    """Yield ``count`` zeros in parts."""
    for start in range(0, count, _SILENCE_AT_ONCE):
        yield np.zeros(min(count - start, _SILENCE_AT_ONCE), np.float32)


def _hashed(paths: Sequence[str], *settings: Any) -> str:
    total = hashlib.blake2b(repr(settings).encode(), digest_size=16)
    for path in paths:
        file = require_file(path)
        state = file.stat()
        with file.open('rb') as content:
            if state.st_size <= _MAX_HASHED_BYTES:
                total.update(content.read())
            else:
                total.update(f'{state.st_size} {state.st_mtime_ns}'.encode())
                total.update(content.read(2**20))
                content.seek(-(2**20), 2)
                total.update(content.read())
        total.update(b'\0')
    return total.hexdigest()
