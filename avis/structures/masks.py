"""Masks as COCO run-length encodings (RLE). NumPy and pycocotools only, no torch."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict, overload

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask


class RLE(TypedDict):
    """A COCO run-length encoding: ``size`` is [height, width], ``counts`` compressed bytes."""

    size: list[int]
    counts: bytes


# One object in one frame: flat lists x, y, x, y, ..., one per part of the object.
Polygons: TypeAlias = Sequence[Sequence[float]]


def encode_mask(mask: NDArray[Any]) -> RLE:
    """Encode one binary mask.

    Args:
        mask: Shape (H, W); non-zero is foreground.

    Returns:
        Compressed RLE.

    Raises:
        ValueError: ``mask`` is not two-dimensional.

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
    """Number of pixels of a mask; 0 for None.

    >>> rle_area(encode_mask(np.eye(2, dtype=bool))), rle_area(None)
    (2, 0)
    """
    return 0 if rle is None else int(coco_mask.area(rle))


@overload
def rle_to_json(rle: RLE) -> dict[str, Any]: ...
@overload
def rle_to_json(rle: None) -> None: ...
@overload
def rle_to_json(rle: RLE | None) -> dict[str, Any] | None: ...
def rle_to_json(rle: RLE | None) -> dict[str, Any] | None:
    """Convert an RLE to the form of JSON files, with ``counts`` as a string; None stays None.

    >>> rle_to_json(encode_mask(np.eye(2, dtype=bool)))
    {'size': [2, 2], 'counts': '0120'}
    """
    if rle is None:
        return None
    return {'size': list(rle['size']), 'counts': rle['counts'].decode()}


@overload
def rle_from_json(value: Mapping[str, Any]) -> RLE: ...
@overload
def rle_from_json(value: None) -> None: ...
@overload
def rle_from_json(value: Mapping[str, Any] | None) -> RLE | None: ...
def rle_from_json(value: Mapping[str, Any] | None) -> RLE | None:
    """Convert a compressed RLE from a JSON file, the inverse of :func:`rle_to_json`.

    >>> rle_from_json({'size': [2, 2], 'counts': '0120'})
    {'size': [2, 2], 'counts': b'0120'}
    """
    if value is None:
        return None
    return RLE(size=list(value['size']), counts=value['counts'].encode())


def mask_box(mask: NDArray[Any]) -> tuple[int, int, int, int]:
    """First and last column and row of a mask (H, W) as x1, y1, x2, y2; zeros if it is empty.

    The last pixel is inside the box: its width is x2 - x1 + 1.

    >>> mask_box(np.eye(4, dtype=bool)[:, 1:])
    (0, 1, 2, 3)
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def to_rle(segmentation: Any, height: int, width: int) -> RLE:
    """Convert any COCO segmentation of one object to one compressed RLE.

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
        data = counts.encode() if isinstance(counts, str) else counts
        return RLE(size=[height, width], counts=data)
    for polygon in segmentation:
        if len(polygon) < 6 or len(polygon) % 2:
            raise ValueError(
                f'a polygon needs at least 3 points as x, y pairs, got {len(polygon)} numbers'
            )
    united: RLE = coco_mask.merge(coco_mask.frPyObjects(list(segmentation), height, width))
    return united
