"""Where the pixels of a clip have gone: what masks need that are drawn after the frames moved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClipGeometry:
    """Per frame and axis, position in the clip = scale * position in the file + offset.

    ``LoadFrames`` begins one, each transform of the geometry continues it, and ``LoadTracks`` draws
    the masks where the frames are in the end: polygons at that size at once, other masks by one
    look-up of the nearest pixel, whatever the number of steps.

    Attributes:
        source: Height and width of the file.
        size: Height and width of the clip.
        scale: (T, 2), x and y; negative where mirrored.
        offset: (T, 2), x and y.
    """

    source: Size
    size: Size
    scale: Floats
    offset: Floats

    @classmethod
    def identity(cls, num_frames: int, source: Size) -> 'ClipGeometry':
        """Frames as they are in the file."""
        return cls(source, source, np.ones((num_frames, 2)), np.zeros((num_frames, 2)))

    def resized(self, size: Size) -> 'ClipGeometry':
        """After all frames were brought to a size."""
        ratio = np.array([size[1] / self.size[1], size[0] / self.size[0]])
        return replace(self, size=size, scale=self.scale * ratio, offset=self.offset * ratio)

    def cropped(
        self, top: int | NDArray[np.int64], left: int | NDArray[np.int64], size: Size
    ) -> 'ClipGeometry':
        """After a box was cut out of each frame; its place may differ from frame to frame."""
        corner = np.stack(np.broadcast_arrays(left, top), axis=-1)
        return replace(self, size=size, offset=self.offset - corner)

    def mirrored(self) -> 'ClipGeometry':
        """After left and right changed places."""
        sign = np.array([-1.0, 1.0])
        shift = np.array([self.size[1], 0.0])
        return replace(self, scale=self.scale * sign, offset=self.offset * sign + shift)

    @property
    def unchanged(self) -> bool:
        """Whether nothing has moved."""
        return bool((self.scale == 1).all() and not self.offset.any() and self.size == self.source)

    def polygons(self, frame: int, polygons: Sequence[Sequence[float]]) -> list[Floats]:
        """Flat polygons x, y, ... of the file, in the pixels of the clip."""
        scale, offset = self.scale[frame], self.offset[frame]
        points = (np.asarray(polygon, np.float64).reshape(-1, 2) for polygon in polygons)
        return [(each * scale + offset).ravel() for each in points]

    def sources(self, frame: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of the file nearest to each row (h,) and column (w,) of the clip."""
        columns, rows = (
            np.floor((np.arange(side) + 0.5 - offset) / scale).astype(np.int64)
            for side, scale, offset in zip(
                self.size[::-1], self.scale[frame], self.offset[frame], strict=True
            )
        )
        height, width = self.source
        return np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
