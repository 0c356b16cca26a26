"""The detections of a whole video in a few blocks of bytes."""

from collections.abc import Sequence
from typing import Any, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from avis.structures.masks import RLE
from avis.structures.media import FrameDetections

_BLOCK = 1 << 20  # bytes

_Row = tuple[bytes, bytes, bytes, list[tuple[int, int, bytes]]]


class PackedDetections(Sequence[FrameDetections | None]):
    """What the instance tracker found, per frame; None for a frame without an entry.

    Small objects that are created between images, and kept, scatter the memory: the next image does
    not fit where the last one was. Half an hour would take hundreds of MB instead of 20.

    Args:
        length: T, the number of frames.

    >>> packed = PackedDetections(2)
    >>> rle = RLE(size=[1, 2], counts=b'11')
    >>> packed[1] = FrameDetections(
    ...     np.array([7]), np.ones(1, np.float32), np.zeros((1, 4), np.float32), [rle]
    ... )
    >>> packed[0], packed[1].ids.tolist(), packed[1].masks
    (None, [7], [{'size': [1, 2], 'counts': b'11'}])
    """

    def __init__(self, length: int) -> None:
        self._blocks = [bytearray()]
        self._sizes: dict[tuple[int, int], list[int]] = {}
        # Block, start and end of each frame; -1 without an entry.
        self._places = np.full((length, 3), -1, np.int64)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Frames without an entry, (T,)."""
        return self._places[:, 0] < 0

    def __setitem__(self, frame: int, found: FrameDetections) -> None:
        """Store the detections of a frame."""
        masks = [(*map(int, mask['size']), mask['counts']) for mask in found.masks]
        arrays = (
            found.ids.astype(np.int64, copy=False),
            found.scores.astype(np.float32, copy=False),
            found.boxes.astype(np.float32, copy=False),
        )
        data = msgspec.msgpack.encode([*(array.tobytes() for array in arrays), masks])
        if len(self._blocks[-1]) > _BLOCK:
            self._blocks.append(bytearray())
        start = len(self._blocks[-1])
        self._places[frame] = len(self._blocks) - 1, start, start + len(data)
        self._blocks[-1] += data

    @overload
    def __getitem__(self, index: int) -> FrameDetections | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[FrameDetections | None]: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return the detections of a frame, or of several."""
        if isinstance(index, slice):
            return [self[frame] for frame in range(*index.indices(len(self)))]
        block, start, end = self._places[index].tolist()
        if block < 0:
            return None
        data = memoryview(self._blocks[block])[start:end]
        ids, scores, boxes, masks = msgspec.msgpack.decode(data, type=_Row)
        return FrameDetections(
            ids=np.frombuffer(ids, np.int64),
            scores=np.frombuffer(scores, np.float32),
            boxes=np.frombuffer(boxes, np.float32).reshape(-1, 4),
            masks=[self._rle(height, width, counts) for height, width, counts in masks],
        )

    def _rle(self, height: int, width: int, counts: bytes) -> RLE:
        """Return an RLE; all of one size share it, which saves a seventh of their memory."""
        return RLE(size=self._sizes.setdefault((height, width), [height, width]), counts=counts)
