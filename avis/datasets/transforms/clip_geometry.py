"""Geometric transform of each frame of a clip, with which masks are drawn after all steps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Size = tuple[int, int]
_Floats = NDArray[np.float64]
_Indices = NDArray[np.int64]


@dataclass(frozen=True)
class ClipGeometry:
    """Per frame and axis, position in the clip = scale * position in the file + offset.

    ``LoadFrames`` creates it, each geometric transform updates it, and ``LoadTracks`` draws the
    masks with the final one: polygons directly at the final size. The pixels of other masks are
    chosen as if the mask was resized by Pillow's nearest-neighbor filter, cropped and flipped step
    by step, as Detectron2 does it: each resize looks up the pixels that the one before it chose.

    Attributes:
        source: Height and width of the file.
        size: Height and width of the clip.
        scale: (T, 2), x and y; negative where mirrored.
        offset: (T, 2), x and y.
        rows: Row of the file that each row of the clip shows, (T, h), or (1, h) if it is the same
            in all frames.
        columns: Column of the file that each column of the clip shows, (T, w) or (1, w).
        rotations: (T, 2, 3), the matrix that rotates a position after all other steps; None
            without a rotation.
    """

    source: Size
    size: Size
    scale: _Floats
    offset: _Floats
    rows: _Indices
    columns: _Indices
    rotations: _Floats | None = None

    @classmethod
    def identity(cls, num_frames: int, source: Size) -> 'ClipGeometry':
        """Return the geometry of frames as they are in the file."""
        return cls(
            source,
            source,
            scale=np.ones((num_frames, 2)),
            offset=np.zeros((num_frames, 2)),
            rows=np.arange(source[0])[None],
            columns=np.arange(source[1])[None],
        )

    def resized(self, size: Size) -> 'ClipGeometry':
        """Return the geometry after all frames are resized."""
        self._refuse_rotated()
        ratio = np.array([size[1] / self.size[1], size[0] / self.size[0]])
        return replace(
            self,
            size=size,
            scale=self.scale * ratio,
            offset=self.offset * ratio,
            rows=self.rows[:, _nearest(self.size[0], size[0])],
            columns=self.columns[:, _nearest(self.size[1], size[1])],
        )

    def cropped(self, top: int | _Indices, left: int | _Indices, size: Size) -> 'ClipGeometry':
        """Return the geometry after a crop, whose corner may differ between frames."""
        self._refuse_rotated()
        corner = np.stack(np.broadcast_arrays(left, top), axis=-1)
        return replace(
            self,
            size=size,
            offset=self.offset - corner,
            rows=_cut(self.rows, top, size[0]),
            columns=_cut(self.columns, left, size[1]),
        )

    def mirrored(self) -> 'ClipGeometry':
        """Return the geometry after a horizontal flip."""
        self._refuse_rotated()
        sign = np.array([-1.0, 1.0])
        shift = np.array([self.size[1], 0.0])
        return replace(
            self,
            scale=self.scale * sign,
            offset=self.offset * sign + shift,
            columns=self.columns[:, ::-1],
        )

    def rotated(self, rotations: _Floats) -> 'ClipGeometry':
        """Return the geometry after a rotation, the last step.

        Args:
            rotations: (T, 2, 3), the matrix of each frame for positions x, y, 1.
        """
        self._refuse_rotated()
        return replace(self, rotations=rotations)

    def _refuse_rotated(self) -> None:
        if self.rotations is not None:
            raise ValueError(
                'expected no geometric transform after a rotation; put RandomRotation after the '
                'other geometric transforms in the pipeline'
            )

    @property
    def unchanged(self) -> bool:
        """Whether the pixels of all frames are those of the file."""
        if self.size != self.source:
            return False
        height, width = self.size
        same_rows = (self.rows == np.arange(height)).all()
        return bool(same_rows and (self.columns == np.arange(width)).all())

    def polygons(self, frame: int, polygons: Sequence[Sequence[float]]) -> list[_Floats]:
        """Convert flat polygons x, y, ... of the file to pixels of the clip."""
        scale, offset = self.scale[frame], self.offset[frame]
        points = (np.asarray(polygon, np.float64).reshape(-1, 2) for polygon in polygons)
        moved = [each * scale + offset for each in points]
        if self.rotations is not None:
            matrix = self.rotations[frame]
            moved = [each @ matrix[:, :2].T + matrix[:, 2] for each in moved]
        return [each.ravel() for each in moved]

    def sources(self, frame: int) -> tuple[_Indices, _Indices]:
        """Return the row and the column of the file of each row (h,) and column (w,)."""
        return self.rows[frame % len(self.rows)], self.columns[frame % len(self.columns)]


def _nearest(old: int, new: int) -> _Indices:
    """Return which of ``old`` pixels Pillow's nearest-neighbor filter takes for each new one."""
    ramp = Image.fromarray(np.arange(old, dtype=np.int32)[None])
    return np.asarray(ramp.resize((new, 1), Image.Resampling.NEAREST))[0].astype(np.int64)


def _cut(table: _Indices, start: int | _Indices, length: int) -> _Indices:
    """Cut ``length`` entries of each row of a table, from one start or from one per frame."""
    index = np.reshape(start, (-1, 1)) + np.arange(length)
    frames = max(len(table), len(index))
    return np.take_along_axis(
        np.broadcast_to(table, (frames, table.shape[1])),
        np.broadcast_to(index, (frames, length)),
        axis=1,
    )
