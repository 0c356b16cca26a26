"""Mask helpers over COCO run-length encoding (RLE). NumPy and pycocotools only, no torch."""

from collections.abc import Sequence
from typing import Any, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask


class RLE(TypedDict):
    """A COCO run-length encoding: ``size`` is [height, width], ``counts`` compressed bytes."""

    size: list[int]
    counts: bytes


Polygons: TypeAlias = Sequence[Sequence[float]]


def encode_mask(mask: NDArray[Any]) -> RLE:
    """Encode one binary mask.

    Args:
        mask: Shape (H, W); non-zero is foreground.

    Returns:
        Compressed RLE.

    >>> encode_mask(np.eye(2, dtype=bool))
    {'size': [2, 2], 'counts': b'0120'}
    """
    if mask.ndim != 2:
        raise ValueError(f'expected one mask of shape (H, W), got shape {mask.shape}')
    rle: RLE = coco_mask.encode(np.asfortranarray(mask != 0, dtype=np.uint8))
    return rle


def decode_rle(rle: RLE) -> NDArray[np.bool_]:
    """Decode one RLE to a mask of shape (H, W)."""
    mask: NDArray[np.bool_] = coco_mask.decode(rle).astype(bool)
    return mask


def rle_area(rle: RLE | None) -> int:
    """Pixels of a mask; 0 for none.

    >>> rle_area(encode_mask(np.eye(2, dtype=bool))), rle_area(None)
    (2, 0)
    """
    return 0 if rle is None else int(coco_mask.area(rle))


def to_rle(segmentation: Any, height: int, width: int) -> RLE:
    """Bring any COCO segmentation of one object to one compressed RLE.

    Args:
        segmentation: Polygons (list of flat x, y lists; several parts are united), an
            uncompressed RLE (``counts`` is a list) or a compressed one (str or bytes).
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.

    Raises:
        ValueError: The RLE has another size, or a polygon has fewer than three points.
    """
    if isinstance(segmentation, dict):
        if list(segmentation['size']) != [height, width]:
            raise ValueError(
                f'RLE of size {list(segmentation["size"])} in a frame of [{height}, {width}]'
            )
        counts = segmentation['counts']
        if isinstance(counts, list):
            rle: RLE = coco_mask.frPyObjects(segmentation, height, width)
            return rle
        return RLE(size=[height, width], counts=_as_bytes(counts))
    for polygon in segmentation:
        if len(polygon) < 6 or len(polygon) % 2:
            raise ValueError(
                f'a polygon needs at least 3 points as x, y pairs, got {len(polygon)} numbers'
            )
    united: RLE = coco_mask.merge(coco_mask.frPyObjects(list(segmentation), height, width))
    return united


def _as_bytes(counts: str | bytes) -> bytes:
    return counts.encode() if isinstance(counts, str) else counts
