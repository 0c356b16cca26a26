"""Geometric transform of each frame of a clip, with which masks are drawn after all steps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]
_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClipGeometry:
    """Per frame and axis, position in the clip = scale * position in the file + offset.

    ``LoadFrames`` creates it, each geometric transform updates it, and ``LoadTracks`` draws the
    masks with the final one: polygons directly at the final size, other masks by one
    nearest-neighbor lookup, whatever the number of steps.

    Attributes:
        source: Height and width of the file.
        size: Height and width of the clip.
        scale: (T, 2), x and y; negative where mirrored.
        offset: (T, 2), x and y.
    """

    source: Size
    size: Size
    scale: _Floats
    offset: _Floats

    @classmethod
    def identity(cls, num_frames: int, source: Size) -> 'ClipGeometry':
        """Return the geometry of frames as they are in the file."""
        return cls(source, source, np.ones((num_frames, 2)), np.zeros((num_frames, 2)))

    def resized(self, size: Size) -> 'ClipGeometry':
        """Return the geometry after all frames are resized."""
        ratio = np.array([size[1] / self.size[1], size[0] / self.size[0]])
        return replace(self, size=size, scale=self.scale * ratio, offset=self.offset * ratio)

    def cropped(
        self, top: int | NDArray[np.int64], left: int | NDArray[np.int64], size: Size
    ) -> 'ClipGeometry':
        """Return the geometry after a crop, whose corner may differ between frames."""
        corner = np.stack(np.broadcast_arrays(left, top), axis=-1)
        return replace(self, size=size, offset=self.offset - corner)

    def mirrored(self) -> 'ClipGeometry':
        """Return the geometry after a horizontal flip."""
        sign = np.array([-1.0, 1.0])
        shift = np.array([self.size[1], 0.0])
        return replace(self, scale=self.scale * sign, offset=self.offset * sign + shift)

    @property
    def unchanged(self) -> bool:
        """Whether the frames are those of the file."""
        return bool((self.scale == 1).all() and not self.offset.any() and self.size == self.source)

    def polygons(self, frame: int, polygons: Sequence[Sequence[float]]) -> list[_Floats]:
        """Convert flat polygons x, y, ... of the file to pixels of the clip."""
        scale, offset = self.scale[frame], self.offset[frame]
        points = (np.asarray(polygon, np.float64).reshape(-1, 2) for polygon in polygons)
        return [(each * scale + offset).ravel() for each in points]

    def sources(self, frame: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the nearest row and column of the file of each row (h,) and column (w,)."""
        columns, rows = (
            np.floor((np.arange(side) + 0.5 - offset) / scale).astype(np.int64)
            for side, scale, offset in zip(
                self.size[::-1], self.scale[frame], self.offset[frame], strict=True
            )
        )
        height, width = self.source
        return np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
