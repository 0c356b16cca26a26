"""The masks of one instance over time, stored as RLE: memory grows with content, not length."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.structures.masks import RLE, decode_rle, encode_mask, rle_area, rle_to_json


@dataclass
class MaskTrack:
    """One COCO RLE per frame, None where the instance is absent.

    An empty mask becomes None: an instance without pixels is absent, at any resolution.

    Args:
        height: Height of every frame in pixels.
        width: Width of every frame in pixels.
        rles: One RLE or None per frame, T in all.

    Raises:
        ValueError: An RLE has another size.

    >>> track = MaskTrack.from_dense(np.array([[[1, 0]], [[0, 0]]]))
    >>> track.areas.tolist(), len(track)
    ([1, 0], 2)
    """

    height: int
    width: int
    rles: list[RLE | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        rles, self.rles = self.rles, []
        self.extend(rles)

    @classmethod
    def from_dense(cls, masks: NDArray[Any]) -> 'MaskTrack':
        """Encode masks of shape (T, H, W); non-zero is foreground."""
        if masks.ndim != 3:
            raise ValueError(f'expected masks of shape (T, H, W), got shape {masks.shape}')
        return cls(masks.shape[1], masks.shape[2], [encode_mask(mask) for mask in masks])

    def extend(self, rles: Iterable[RLE | None]) -> None:
        """Append the masks of the next frames, such as those of the next window of a video."""
        for rle in rles:
            if rle is not None and list(rle['size']) != [self.height, self.width]:
                raise ValueError(
                    f'frame {len(self.rles)}: expected an RLE of size '
                    f'{[self.height, self.width]}, got {list(rle["size"])}'
                )
            self.rles.append(rle if rle_area(rle) > 0 else None)

    def __len__(self) -> int:
        return len(self.rles)

    def dense(self, frame: int) -> NDArray[np.bool_]:
        """Return the mask of one frame, shape (H, W); all False if the instance is absent."""
        rle = self.rles[frame]
        return np.zeros((self.height, self.width), bool) if rle is None else decode_rle(rle)

    def to_dense(self) -> NDArray[np.bool_]:
        """Return all masks, shape (T, H, W); for short clips only."""
        shape = (len(self), self.height, self.width)
        return (
            np.stack([self.dense(t) for t in range(len(self))])
            if len(self)
            else np.zeros(shape, bool)
        )

    def to_json(self) -> list[dict[str, Any] | None]:
        """Return T values for a JSON file: :func:`~avis.structures.masks.rle_to_json` of each."""
        return [rle_to_json(rle) for rle in self.rles]

    @property
    def areas(self) -> NDArray[np.int64]:
        """Number of pixels per frame, shape (T,)."""
        return np.array([rle_area(rle) for rle in self.rles], np.int64)

    @property
    def boxes(self) -> NDArray[np.float64]:
        """Boxes per frame as x, y, width, height in pixels, shape (T, 4); zeros where absent."""
        empty = np.zeros(4)
        boxes = [empty if rle is None else coco_mask.toBbox(rle) for rle in self.rles]
        return np.stack(boxes) if boxes else np.zeros((0, 4))
