"""Masks as COCO run-length encodings (RLE). NumPy and pycocotools only, no torch.

:func:`to_rle` and :func:`to_rles` are the one way from a file to a mask. pycocotools trusts what it
is given: runs that do not sum to the frame let it loop forever or read foreign memory, and a vertex
far outside of the frame ends the process. So both check a mask completely before pycocotools reads
it; :func:`check_boxes` does the same for boxes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict, overload

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.structures.run_lengths import find_wrong_runs, runs_of, without_empty


class RLE(TypedDict):
    """A COCO run-length encoding: ``size`` is [height, width], ``counts`` compressed bytes."""

    size: list[int]
    counts: bytes


# One object in one frame: flat lists x, y, x, y, ..., one per part of the object.
Polygons: TypeAlias = Sequence[Sequence[float]]

# Vertices and boxes may be this many frame sides away from the origin: objects that leave the frame
# are drawn as far as they are visible, coordinates in another unit are refused.
_FARTHEST = 10
# Longest outline of a polygon in pixels: that of every pixel of a frame, and this much in a small
# frame. pycocotools needs 40 bytes per pixel of an outline.
_OUTLINE_OF_SMALL_FRAME = 1 << 16
_MOST_PIXELS = 1 << 31  # pycocotools counts pixels in 32 bits


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
    """Convert an RLE from a JSON file, the inverse of :func:`rle_to_json`.

    Raises:
        ValueError: It is invalid, see :func:`to_rle`.

    >>> rle_from_json({'size': [2, 2], 'counts': '0120'})
    {'size': [2, 2], 'counts': b'0120'}
    """
    if value is None:
        return None
    height, width = _size_of(value)
    return to_rle(value, height, width)


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
            uncompressed RLE (``counts`` is a list) or a compressed one (str or bytes). An empty
            list is a blank mask.
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.

    Raises:
        ValueError: It is none of these; the RLE has another size, or its runs do not sum to
            ``height * width`` pixels; or a polygon has fewer than three points, coordinates that
            are not finite, or vertices far outside of the frame.

    >>> to_rle({'size': [2, 2], 'counts': [1, 2, 1]}, 2, 2)
    {'size': [2, 2], 'counts': b'121'}

    Runs of 0 pixels are removed, because pycocotools stops where two masks have one:

    >>> to_rle({'size': [2, 2], 'counts': [1, 1, 0, 1, 1]}, 2, 2)
    {'size': [2, 2], 'counts': b'121'}
    """
    if isinstance(segmentation, dict):
        rle = _checked_form(segmentation, height, width)
        return RLE(size=rle['size'], counts=_checked_runs([rle['counts']], height, width)[0])
    check_polygons(segmentation)
    check_polygons_in_frame(segmentation, height, width)
    if not len(segmentation):
        return blank_rle(height, width)
    united: RLE = coco_mask.merge(coco_mask.frPyObjects(list(segmentation), height, width))
    return united


def to_rles(segmentations: Sequence[Any], height: int, width: int) -> list[RLE | None]:
    """Convert the segmentations of many frames as :func:`to_rle` does, but faster; None stays None.

    Raises:
        ValueError: One is invalid; the message does not say which.
    """
    rles: list[RLE | None] = [
        None
        if mask is None
        else _checked_form(mask, height, width)
        if isinstance(mask, dict)
        else to_rle(mask, height, width)
        for mask in segmentations
    ]
    unchecked = [
        rle
        for rle, mask in zip(rles, segmentations, strict=True)
        if rle is not None and isinstance(mask, dict)
    ]
    counts = _checked_runs([rle['counts'] for rle in unchecked], height, width)
    for rle, text in zip(unchecked, counts, strict=True):
        rle['counts'] = text
    return rles


def blank_rle(height: int, width: int) -> RLE:
    """Return the RLE of a frame without any pixel of the object.

    >>> blank_rle(2, 3) == encode_mask(np.zeros((2, 3)))
    True
    """
    rle: RLE = coco_mask.frPyObjects({'size': [height, width], 'counts': [height * width]}, 0, 0)
    return rle


def check_polygons(polygons: Any) -> None:
    """Check that the polygons of one object are lists of at least three finite points x, y, ...

    Raises:
        ValueError: They are not.
    """
    if not isinstance(polygons, Sequence) or isinstance(polygons, str | bytes):
        raise ValueError(
            f'expected an RLE with size and counts, or a list of polygons, got {polygons!r:.80}'
        )
    for polygon in polygons:
        if not isinstance(polygon, Sequence | np.ndarray) or isinstance(polygon, str | bytes):
            raise ValueError(f'expected polygons as lists x, y, x, y, ..., got {polygon!r:.80}')
        if len(polygon) < 6 or len(polygon) % 2:
            raise ValueError(
                f'a polygon needs at least 3 points as x, y pairs, got {len(polygon)} numbers'
            )
        values = polygon.tolist() if isinstance(polygon, np.ndarray) else polygon
        # The types and the sum of all, instead of a test of each, because polygons are long.
        if not set(map(type, values)) <= {int, float} or not math.isfinite(_sum(values)):
            wrong = next((value for value in values if not _is_finite(value)), math.inf)
            raise ValueError(f'expected finite coordinates of a polygon, got {wrong!r:.80}')


def check_polygons_in_frame(polygons: Polygons, height: int, width: int) -> None:
    """Check that polygons, checked by :func:`check_polygons`, may be drawn in a frame.

    Raises:
        ValueError: A vertex is farther than ten frame sides from the origin, or an outline is
            longer than those of all pixels of the frame.
    """
    farthest = _FARTHEST * max(height, width)
    longest = 2 * height * width + _OUTLINE_OF_SMALL_FRAME
    for polygon in polygons:
        low, high = min(polygon), max(polygon)
        if low < -farthest or high > farthest:
            raise ValueError(
                f'expected coordinates of a polygon between -{farthest} and {farthest} in a frame '
                f'of [{height}, {width}], got {low if low < -farthest else high!r:.40}'
            )
        # The quick estimate suffices for all but the longest outlines.
        if len(polygon) * (high - low) > longest and _outline(polygon) > longest:
            raise ValueError(
                f'a polygon of {len(polygon) // 2} points has an outline of '
                f'{_outline(polygon):.0f} pixels, at most {longest} are drawn in a frame of '
                f'[{height}, {width}]'
            )


def check_boxes(boxes: Iterable[Any], height: int, width: int) -> None:
    """Check boxes x, y, width, height in pixels; None is allowed.

    Raises:
        ValueError: A box is not four finite numbers, has a negative width or height, or lies
            farther than ten frame sides from the origin; the message begins with ``[index]``.

    >>> check_boxes([None, [0, 0, 4, 2.5]], 4, 6)
    """
    farthest = _FARTHEST * max(height, width)
    for index, box in enumerate(boxes):
        if box is None:
            continue
        numbers = isinstance(box, list) and set(map(type, box)) <= {int, float}
        if not numbers or len(box) != 4 or not all(-farthest <= side <= farthest for side in box):
            raise ValueError(
                f'[{index}]: expected x, y, width and height between -{farthest} and {farthest}, '
                f'got {box!r:.80}'
            )
        if min(box[2:]) < 0:
            raise ValueError(f'[{index}]: expected a width and height from 0 on, got {box}')


def _checked_form(value: Mapping[str, Any], height: int, width: int) -> RLE:
    """Return an RLE with compressed counts, whose runs are not checked yet."""
    if list(_size_of(value)) != [height, width]:
        raise ValueError(f'RLE of size {list(value["size"])} in a frame of [{height}, {width}]')
    counts = value['counts']
    if isinstance(counts, list):
        if not set(map(type, counts)) <= {int}:
            wrong = next(run for run in counts if type(run) is not int)
            raise ValueError(f'expected integers as counts of an RLE, got {wrong!r:.80}')
        if not counts or min(counts) < 0 or sum(counts) != height * width:
            raise ValueError(_wrong_sum(sum(counts), min(counts, default=0), height, width))
        return RLE(size=[height, width], counts=_compress(counts, height, width))
    if isinstance(counts, str):
        return RLE(size=[height, width], counts=counts.encode())
    if not isinstance(counts, bytes):
        raise ValueError(
            f'expected counts of an RLE as text or as a list of integers, got {counts!r:.80}'
        )
    return RLE(size=[height, width], counts=counts)


def _size_of(value: Mapping[str, Any]) -> tuple[int, int]:
    for key in ('size', 'counts'):
        if key not in value:
            raise ValueError(f'an RLE lacks {key!r}, expected size and counts, got {list(value)}')
    size = value['size']
    if (
        not isinstance(size, list | tuple)
        or len(size) != 2
        or not all(type(side) is int and 0 <= side < _MOST_PIXELS for side in size)
        or size[0] * size[1] >= _MOST_PIXELS
    ):
        raise ValueError(f'expected the size of an RLE as [height, width], got {size!r:.80}')
    return size[0], size[1]


def _checked_runs(counts: Sequence[bytes], height: int, width: int) -> list[bytes]:
    """Check that compressed counts sum to the frame; return them without empty runs."""
    wrong, empty = find_wrong_runs(counts, height * width)
    for index in np.flatnonzero(wrong).tolist()[:1]:
        runs = runs_of(counts[index])
        if runs is None:
            text = counts[index].decode('latin-1')
            raise ValueError(f'counts {text!r:.80} are no compressed RLE, or an incomplete one')
        raise ValueError(_wrong_sum(sum(runs), min(runs), height, width))
    checked = list(counts)
    for index in np.flatnonzero(empty).tolist():
        runs = without_empty(runs_of(counts[index]) or [])
        checked[index] = _compress(runs, height, width)
    return checked


def _compress(runs: list[int], height: int, width: int) -> bytes:
    rle: RLE = coco_mask.frPyObjects({'size': [height, width], 'counts': runs}, height, width)
    return rle['counts']


def _wrong_sum(total: int, lowest: int, height: int, width: int) -> str:
    if lowest < 0:
        return f'expected runs of 0 or more pixels in an RLE, got one of {lowest}'
    return (
        f'expected an RLE of exactly {height} x {width} = {height * width} pixels, got runs of '
        f'{total}'
    )


def _outline(polygon: Sequence[float]) -> float:
    """Length of the outline of a polygon in pixels, the larger of both directions per edge."""
    points = np.asarray(polygon, np.float64).reshape(-1, 2)
    return float(np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum())


def _sum(values: Sequence[float]) -> float:
    """The sum; infinite if an integer is too large for a float."""
    try:
        return float(sum(values))
    except OverflowError:
        return math.inf


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(_sum([value]))
