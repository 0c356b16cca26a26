"""Audio, frames and detections in memory: what components pass to each other. NumPy only."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avis.structures.masks import RLE

ImageArray = NDArray[np.uint8]
"""One RGB image, (H, W, 3)."""


@dataclass(frozen=True)
class Waveform:
    """Mono audio.

    Args:
        samples: float32 (S,) in [-1, 1].
        sample_rate: Samples per second.
        name: Name of the video it belongs to.
        start: Second of the video at which it starts (above 0 for a segment).
    """

    samples: NDArray[np.float32]
    sample_rate: int
    name: str = ''
    start: float = 0.0

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


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
