"""Audio, frames and detections: what components pass to each other. NumPy only."""

import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from avis.structures.masks import RLE

ImageArray = NDArray[np.uint8]
"""One RGB image, (H, W, 3)."""

_BLOCK = 1 << 20  # samples: a minute at 16 kHz


class StoredSamples:
    """Samples of audio in a temporary file, so that memory does not grow with the audio.

    A slice, ``samples[first:last]``, is read from the file; ``np.asarray(samples)`` reads all. Safe
    to read from several threads.

    Args:
        parts: Consecutive parts, float32 (S,); taken one by one.

    Raises:
        OSError: The folder of temporary files is full.

    >>> samples = StoredSamples([np.zeros(3, np.float32), np.ones(2, np.float32)])
    >>> len(samples), samples[2:4].tolist()
    (5, [0.0, 1.0])
    """

    def __init__(self, parts: Iterable[NDArray[np.float32]]) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._length = 0
        for part in parts:
            self._write(np.ascontiguousarray(part, np.float32))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> NDArray[np.float32]:
        """Read a part."""
        first, last, step = part.indices(self._length)
        samples = np.zeros(max(last - first, 0), np.float32)
        with self._lock:
            self._file.seek(first * samples.itemsize)
            self._file.readinto(samples.data)
        return samples[::step]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all samples."""
        return self[:].astype(dtype or np.float32, copy=False)

    def _write(self, part: NDArray[np.float32]) -> None:
        try:
            self._file.write(part.data)
        except OSError as error:
            problem = (
                f'{error.strerror} while audio was stored there; free some space, or set TMPDIR'
            )
            raise OSError(error.errno, problem, tempfile.gettempdir()) from error
        self._length += len(part)


@dataclass(frozen=True)
class Waveform:
    """Mono audio.

    Args:
        samples: float32 (S,) in [-1, 1]; those of a whole video are read on access.
        sample_rate: Samples per second.
        name: Name of the video it belongs to.
        start: Second of the video at which it starts (above 0 for a segment).
    """

    samples: NDArray[np.float32] | StoredSamples
    sample_rate: int
    name: str = ''
    start: float = 0.0

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    def blocks(self, size: int = _BLOCK) -> Iterator['Waveform']:
        """Yield consecutive parts of ``size`` samples, of which the last may be shorter."""
        for first in range(0, max(len(self.samples), 1), size):
            start = self.start + first / self.sample_rate
            yield replace(self, samples=self.samples[first : first + size], start=start)


class FrameSource(Protocol):
    """The frames of one video, read on access; safe to read from several threads.

    A source on disk also has ``content_key() -> str``, which changes with its files.
    """

    name: str
    fps: float
    size: tuple[int, int]
    """Height and width."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> ImageArray:
        """Frame ``index``, uint8 RGB (H, W, 3); sequential access is cheap, seeking may not be."""


@dataclass(frozen=True)
class FrameDetections:
    """The visible objects of one frame, sorted by id.

    Args:
        ids: int64 (N,), one id per object over the whole video.
        scores: float32 (N,).
        boxes: float32 (N, 4), x1 y1 x2 y2 in pixels.
        masks: N RLEs of the frame's size.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    masks: list[RLE]

    def __len__(self) -> int:
        return len(self.ids)


NO_DETECTIONS = FrameDetections(
    np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros((0, 4), np.float32), []
)
"""The detections of a frame without visible objects."""
