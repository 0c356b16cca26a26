"""Prior images: the segments of an image, found without classes, each in a color of its own."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmdet.datasets.ade20k import ADE_PALETTE
from numpy.typing import NDArray
from PIL import Image

from avis.utils.atomic import atomic_path

# Maps an RGB image (H, W, 3) to masks (H, W), in any order, which may overlap.
MaskGenerator = Callable[[NDArray[np.uint8]], Sequence[NDArray[np.bool_]]]

_MOST = 255  # segments of an image
_RADIUS, _RANGE = 4, 24  # of the mean shift, in pixels and levels
_LEVELS = 32  # width of the bins of a color
_LEAST_AREA = 0.002  # of a region, as a part of the image


def label_segments(masks: Sequence[NDArray[np.bool_]], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the segment of each pixel: the smallest mask that contains it.

    Args:
        masks: Masks (H, W) of a class-agnostic model.
        shape: (H, W).

    Returns:
        (H, W); 1 for the smallest mask, and so on; 0 for pixels of no mask.
    """
    labels = np.zeros(shape, np.uint8)
    ordered = sorted(masks, key=np.count_nonzero)[:_MOST]
    for label, mask in reversed(list(enumerate(ordered, 1))):
        labels[np.asarray(mask, bool)] = label
    return labels


def color_segments(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB (H, W, 3) of labels (H, W), in the 150 colors of ADE20K; others are black."""
    return _palette()[labels]


def write_prior_image(path: Path, labels: NDArray[np.uint8], size: int | None) -> None:
    """Write labels (H, W) as a palette PNG, resized to a square of ``size`` pixels if it is given.

    The file equals that of the official tool for the same labels.
    """
    if size is not None:
        labels = np.asarray(Image.fromarray(labels).resize((size, size), Image.Resampling.NEAREST))
    image = Image.fromarray(labels, mode='L')
    image.putpalette(_palette().tobytes())
    with atomic_path(path) as part:
        image.save(part, 'PNG')


def _palette() -> NDArray[np.uint8]:
    """Colors (256, 3) of the labels."""
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(ADE_PALETTE)] = ADE_PALETTE
    return colors


def color_regions(image: NDArray[np.uint8]) -> list[NDArray[np.bool_]]:
    """Return the connected regions of similar color of an image: a generator without weights."""
    smooth = cv2.pyrMeanShiftFiltering(np.ascontiguousarray(image), _RADIUS, _RANGE)
    bins = (smooth // _LEVELS).astype(np.int32) @ np.array([64, 8, 1], np.int32)
    masks = []
    for color in np.unique(bins):
        count, labels = cv2.connectedComponents((bins == color).astype(np.uint8))
        areas = np.bincount(labels.ravel(), minlength=count)
        kept = [k for k in range(1, count) if areas[k] >= _LEAST_AREA * labels.size]
        masks += [labels == k for k in kept]
    return masks


def segment_anything(model: str) -> MaskGenerator:
    """Return the automatic mask generator of a Segment Anything model of transformers."""
    from transformers import pipeline  # an extra, slow to import

    generate = pipeline('mask-generation', model=model)

    def masks_of(image: NDArray[np.uint8]) -> list[NDArray[np.bool_]]:
        found: dict[str, Any] = generate(Image.fromarray(image), points_per_batch=64)
        return [np.asarray(mask, bool) for mask in found['masks']]

    return masks_of


def find_generator(name: str) -> MaskGenerator:
    """Return a generator of masks by its name.

    Args:
        name: ``regions``; ``sam:MODEL`` for a model of transformers, a name of its hub or a folder;
            or ``module:function``.
    """
    if name == 'regions':
        return color_regions
    kind, separator, rest = name.partition(':')
    if not (kind and separator and rest):
        raise ValueError(
            f'expected the generator regions, sam:MODEL or module:function, got {name!r}'
        )
    if kind == 'sam':
        return segment_anything(rest)
    generator: MaskGenerator = getattr(import_module(kind), rest)
    return generator
