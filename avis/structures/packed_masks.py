"""The annotated masks of one instance in one block of bytes, unpacked mask by mask."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.structures.masks import RLE, Polygons, to_rle

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
        packed = [self._pack(frame, mask) for frame, mask in enumerate(masks)]
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

    def _pack(self, frame: int, mask: Any) -> tuple[int, bytes]:
        """Return kind and bytes of one mask."""
        if mask is None:
            return _ABSENT, b''
        try:
            if isinstance(mask, dict):
                return _RLE, self._pack_rle(frame, mask)
            return _POLYGONS, self._pack_polygons(frame, mask)
        except (KeyError, TypeError, ValueError) as error:
            problem = f'lacks {error}' if isinstance(error, KeyError) else error
            raise ValueError(f'[{frame}]: {problem}') from error

    def _pack_rle(self, frame: int, mask: dict[str, Any]) -> bytes:
        height, width = (int(side) for side in mask['size'])
        if self.size not in (None, (height, width)):
            raise ValueError(
                f'expected an RLE of size {list(self.size or ())} as in earlier frames, got '
                f'{[height, width]}'
            )
        self.size = height, width
        rle = to_rle(mask, height, width)
        if not coco_mask.area(rle):
            self.blank.append(frame)
        return bytes(rle['counts'])

    def _pack_polygons(self, frame: int, mask: Sequence[Sequence[float]]) -> bytes:
        polygons = [np.asarray(polygon, np.float64) for polygon in mask]
        for points in polygons:
            if points.ndim != 1 or len(points) < 6 or len(points) % 2:
                raise ValueError(
                    f'a polygon needs at least 3 points as x, y pairs, got an array of shape '
                    f'{points.shape}'
                )
            if not np.isfinite(points).all():
                raise ValueError('a polygon has NaN or infinite coordinates')
        if not any(_area(points) for points in polygons):
            self.blank.append(frame)
        header = np.array([len(polygons), *map(len, polygons)], np.float64)
        return np.concatenate([header, *polygons]).tobytes()


def _to_polygons(data: bytes) -> Polygons:
    numbers = np.frombuffer(data, np.float64)
    count = int(numbers[0])
    ends = np.cumsum(numbers[1 : count + 1]).astype(np.int64)
    return np.split(numbers[count + 1 :], ends[:-1]) if count else []  # type: ignore[return-value]


def _area(points: NDArray[np.float64]) -> float:
    """Area of a polygon x, y, x, y, ... by the shoelace formula."""
    x, y = points[::2], points[1::2]
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2
