"""The annotated masks of one instance in one block of bytes, unpacked mask by mask."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.structures.masks import (
    RLE,
    Polygons,
    check_polygons,
    check_polygons_in_frame,
    rle_from_json,
    to_rles,
)

_ABSENT, _RLE, _POLYGONS = 0, 1, 2


class PackedMasks(Sequence[Any]):
    """T masks of an annotation file in one block of bytes instead of millions of Python numbers.

    Data sets keep their records pickled. A record with the polygons of two hours as lists would
    take a second to unpickle for a clip of five frames; here unpickling is one copy, and only the
    masks that are indexed become objects.

    Args:
        masks: T segmentations: an RLE, compressed or not, a list of polygons, or None.

    Attributes:
        size: Height and width that the RLEs state; None without RLEs.
        blank: Indices of the frames whose mask is given but has no area.

    Raises:
        ValueError: A mask is invalid; the message begins with ``[frame]``.

    >>> packed = PackedMasks([None, [[0, 0, 2, 0, 2, 2]], {'size': [1, 2], 'counts': [1, 1]}])
    >>> packed[0], packed[1][0].tolist(), packed[2]['counts'], packed.size
    (None, [0.0, 0.0, 2.0, 0.0, 2.0, 2.0], b'11', (1, 2))
    """

    def __init__(self, masks: Sequence[Any]) -> None:
        self.size: tuple[int, int] | None = None
        self.blank: list[int] = []
        # Largest coordinate and number of numbers of the polygons.
        self._farthest, self._longest = 0.0, 0
        checked = _check_rles(masks)
        packed = [self._pack(frame, mask) for frame, mask in enumerate(checked)]
        self._kinds = bytes(kind for kind, _ in packed)
        self._ends = np.cumsum([len(data) for _, data in packed], dtype=np.int64)
        self._data = b''.join(data for _, data in packed)

    def __len__(self) -> int:
        return len(self._kinds)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return an RLE, a list of polygons as float arrays, or None; a list for a slice."""
        if isinstance(index, slice):
            return [self[frame] for frame in range(*index.indices(len(self)))]
        frame = range(len(self))[index]  # resolves negative indices, raises IndexError
        start = int(self._ends[frame - 1]) if frame else 0
        data = self._data[start : int(self._ends[frame])]
        if self._kinds[frame] == _RLE and self.size is not None:
            return RLE(size=list(self.size), counts=data)
        return _to_polygons(data) if self._kinds[frame] == _POLYGONS else None

    @property
    def present(self) -> NDArray[np.bool_]:
        """Frames whose mask is given, bool (T,)."""
        return np.frombuffer(self._kinds, np.uint8) != _ABSENT

    def check_polygons(self, height: int, width: int) -> None:
        """Check that the polygons fit a frame, see :func:`check_polygons_in_frame`.

        Raises:
            ValueError: One does not; the message begins with ``[frame]``.
        """
        # Without a polygon that is far outside or long, there is no need to look at each.
        farthest = max(height, width)
        if self._farthest <= farthest and 2 * self._longest * farthest <= 2 * height * width:
            return
        for frame in np.flatnonzero(np.frombuffer(self._kinds, np.uint8) == _POLYGONS).tolist():
            self._check_polygons(frame, height, width)

    def _check_polygons(self, frame: int, height: int, width: int) -> None:
        try:
            check_polygons_in_frame(self[frame], height, width)
        except ValueError as error:
            raise ValueError(f'[{frame}]: {error}') from error

    def _pack(self, frame: int, mask: Any) -> tuple[int, bytes]:
        """Return kind and bytes of one mask."""
        if mask is None:
            return _ABSENT, b''
        try:
            if isinstance(mask, dict):
                return _RLE, self._pack_rle(frame, mask)  # type: ignore[arg-type]
            return _POLYGONS, self._pack_polygons(frame, mask)
        except ValueError as error:
            raise ValueError(f'[{frame}]: {error}') from error

    def _pack_rle(self, frame: int, rle: RLE) -> bytes:
        height, width = rle['size']
        if self.size not in (None, (height, width)):
            raise ValueError(
                f'expected an RLE of size {list(self.size or ())} as in earlier frames, got '
                f'{[height, width]}'
            )
        self.size = height, width
        if not coco_mask.area(rle):
            self.blank.append(frame)
        return bytes(rle['counts'])

    def _pack_polygons(self, frame: int, mask: Sequence[Sequence[float]]) -> bytes:
        check_polygons(mask)
        polygons = [np.asarray(polygon, np.float64) for polygon in mask]
        for points in polygons:
            self._farthest = max(self._farthest, float(np.abs(points).max()))
            self._longest = max(self._longest, len(points))
        if not any(_area(points) for points in polygons):
            self.blank.append(frame)
        header = np.array([len(polygons), *map(len, polygons)], np.float64)
        return np.concatenate([header, *polygons]).tobytes()


def _check_rles(masks: Sequence[Any]) -> list[Any]:
    """Replace RLEs of any form by checked, compressed ones; other masks stay.

    Raises:
        ValueError: One is invalid; the message begins with ``[frame]``.
    """
    checked = list(masks)
    frames = [frame for frame, mask in enumerate(masks) if isinstance(mask, dict)]
    if not frames:
        return checked
    rles = [masks[frame] for frame in frames]
    try:
        height, width = rles[0]['size']
        found: Sequence[RLE | None] = to_rles(rles, height, width)
    except (KeyError, TypeError, ValueError):
        found = [_check_rle(frame, rle) for frame, rle in zip(frames, rles, strict=True)]
    for frame, rle in zip(frames, found, strict=True):
        checked[frame] = rle
    return checked


def _check_rle(frame: int, value: dict[str, Any]) -> RLE:
    try:
        return rle_from_json(value)
    except ValueError as error:
        raise ValueError(f'[{frame}]: {error}') from error


def _to_polygons(data: bytes) -> Polygons:
    numbers = np.frombuffer(data, np.float64)
    count = int(numbers[0])
    ends = np.cumsum(numbers[1 : count + 1]).astype(np.int64)
    return np.split(numbers[count + 1 :], ends[:-1]) if count else []  # type: ignore[return-value]


def _area(points: NDArray[np.float64]) -> float:
    """Area of a polygon x, y, x, y, ... by the shoelace formula."""
    x, y = points[::2], points[1::2]
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2
