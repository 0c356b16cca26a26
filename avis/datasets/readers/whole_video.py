"""Whole videos that are read when asked for: frames one by one, the sound in one go."""

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

from avis.datasets.readers.audio import NoAudioError, audio_info, read_audio
from avis.datasets.readers.errors import BrokenDataError, broken_data_error, require_file
from avis.datasets.readers.images import read_image
from avis.datasets.readers.video import walk_video

_KEPT_PICTURES = 16
_SECONDS_DECODED = 300  # of sound at a time
# Of a longer file only both ends, the length and the time of its last change are hashed.
_WHOLLY_HASHED = 64 * 2**20


class _Frames:
    """What both kinds share: a few images in memory, one reader at a time."""

    def __init__(self, *, name: str, fps: float, length: int) -> None:
        self.name, self.fps, self.length = name, fps, length
        self._size: tuple[int, int] | None = None
        self._open()

    def _open(self) -> None:
        self._lock = threading.RLock()
        self._kept: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        unsent = ('_lock', '_kept', '_walk')
        return {key: value for key, value in self.__dict__.items() if key not in unsent}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def __len__(self) -> int:
        return self.length

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, of the first frame."""
        if self._size is None:
            self._size = (self[0].shape[0], self[0].shape[1])
        return self._size

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Frame ``index``, RGB (H, W, 3).

        Raises:
            IndexError: No such frame.
            BrokenDataError: The frame cannot be read, or has another size than the first.
        """
        if not 0 <= index < self.length:
            raise IndexError(f'{self.name}: frame {index} of {self.length}')
        with self._lock:
            if index not in self._kept:
                self._kept[index] = self._checked(index)
                while len(self._kept) > _KEPT_PICTURES:
                    self._kept.popitem(last=False)
            return self._kept[index]

    def _checked(self, index: int) -> NDArray[np.uint8]:
        image = self.read(index)
        size = (image.shape[0], image.shape[1])
        if self._size is None:
            self._size = size if index == 0 else None
        elif size != self._size:
            raise broken_data_error(
                self.place(index), f'is {size} (H, W), but the first is {self._size}'
            )
        return image

    def read(self, index: int) -> NDArray[np.uint8]:
        """Read one frame."""
        raise NotImplementedError

    def place(self, index: int) -> str:
        """Where a frame is, for errors."""
        raise NotImplementedError


class ImageFrames(_Frames):
    """The frames of a video as files.

    Args:
        paths: One per frame.
        name: Of the video.
        fps: Frames per second.
    """

    def __init__(self, paths: Sequence[str | Path], *, name: str, fps: float) -> None:
        self.paths = [str(path) for path in paths]
        super().__init__(name=name, fps=fps, length=len(self.paths))

    def read(self, index: int) -> NDArray[np.uint8]:
        """Read one frame."""
        return read_image(self.paths[index])

    def place(self, index: int) -> str:
        """Its path."""
        return self.paths[index]

    def content_key(self) -> str:
        """Hash of the files."""
        return _hashed(self.paths, self.fps)


class FileFrames(_Frames):
    """The frames of a video file: frame k is the one shown at k / fps seconds.

    Reading forward decodes each frame once; going back opens the file again, unless the image
    is still in memory.

    Args:
        path: Video file.
        name: Of the video.
        fps: Frames per second that are taken.
        length: How many.
    """

    def __init__(self, path: str | Path, *, name: str, fps: float, length: int) -> None:
        self.path = str(path)
        super().__init__(name=name, fps=fps, length=length)

    def _open(self) -> None:
        super()._open()
        self._wanted = 0
        self._walk: Iterator[NDArray[np.uint8]] | None = None

    def _times(self) -> Iterator[float]:
        """The time of whatever frame is wanted next."""
        while True:
            yield self._wanted / self.fps

    def read(self, index: int) -> NDArray[np.uint8]:
        """Read one frame."""
        if self._walk is None or index < self._wanted:
            self._walk = walk_video(self.path, self._times())
        self._wanted = index
        try:
            return next(self._walk)
        except BaseException:
            self._walk = None  # the decoder stands nowhere any more
            raise

    def place(self, index: int) -> str:
        """Its path and time."""
        return f'{self.path} at {index / self.fps:.2f} s'

    def content_key(self) -> str:
        """Hash of the file, and of which frames are taken."""
        return _hashed([self.path], (self.fps, self.length))


class AudioFile:
    """The sound of a video; silence where there is none, or where it cannot be read.

    Args:
        path: Sound file or video; None for silence.
        sample_rate: Samples per second.
        seconds: Length of the silence.
    """

    def __init__(self, path: str | None, *, sample_rate: int, seconds: float) -> None:
        self.path, self.sample_rate, self.seconds = path, sample_rate, seconds

    def read(self) -> NDArray[np.float32]:
        """All samples, mono, (S,).

        Raises:
            FileNotFoundError: No such file.
            BrokenDataError: Nothing of it can be decoded.
        """
        try:
            if self.path is not None:
                return self._read_in_parts(self.path)
        except NoAudioError:
            pass
        except BrokenDataError as error:
            return self._read_blocks(error)
        return np.zeros(round(self.seconds * self.sample_rate), np.float32)

    def _read_in_parts(self, path: str) -> NDArray[np.float32]:
        """All of it; a part takes thirty times the memory of its result while it is decoded."""
        length = _SECONDS_DECODED * self.sample_rate
        count = max(math.ceil(audio_info(path).seconds / _SECONDS_DECODED), 1)
        parts = [
            read_audio(path, sample_rate=self.sample_rate, start=n * length, num_samples=length)
            for n in range(count - 1)
        ]
        start = len(parts) * length
        parts.append(read_audio(path, sample_rate=self.sample_rate, start=start))
        # The header may promise more than there is; what is missing in between is silence.
        while len(parts) > 1 and not len(parts[-1]):
            parts.pop()
        whole = [np.pad(part, (0, length - len(part))) for part in parts[:-1]]
        return np.concatenate([*whole, parts[-1]])

    def _read_blocks(self, error: BrokenDataError) -> NDArray[np.float32]:
        """What is left of damaged sound, second by second."""
        assert self.path is not None
        seconds = math.ceil(audio_info(self.path).seconds)
        blocks, lost = [], 0
        for second in range(seconds):
            block = self._read_second(second)
            lost += block is None
            blocks.append(np.zeros(self.sample_rate, np.float32) if block is None else block)
        if lost == seconds:
            raise error
        print_log(
            f'{self.path}: {lost} of {seconds} seconds of sound cannot be read and are taken as '
            f'silence. {error}',
            logger='current',
            level=logging.WARNING,
        )
        return np.concatenate(blocks)

    def _read_second(self, second: int) -> NDArray[np.float32] | None:
        rate = self.sample_rate
        try:
            return read_audio(
                str(self.path), sample_rate=rate, start=second * rate, num_samples=rate
            )
        except BrokenDataError:
            return None


def _hashed(paths: Sequence[str], *settings: Any) -> str:
    total = hashlib.blake2b(repr(settings).encode(), digest_size=16)
    for path in paths:
        file = require_file(path)
        state = file.stat()
        with file.open('rb') as content:
            if state.st_size <= _WHOLLY_HASHED:
                total.update(content.read())
            else:
                total.update(f'{state.st_size} {state.st_mtime_ns}'.encode())
                total.update(content.read(2**20))
                content.seek(-(2**20), 2)
                total.update(content.read())
        total.update(b'\0')
    return total.hexdigest()
