"""Geometry of a whole clip: every frame and every label map moves the same way."""

from collections.abc import Callable
from typing import Any

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.transforms.clip import clip_name, worker_random
from avis.registry import TRANSFORMS

Size = tuple[int, int]


@TRANSFORMS.register_module()
class ResizeClip(BaseTransform):
    """Resize frames (bilinear, antialiased as Pillow does it) and label maps (nearest).

    Reads and writes ``imgs``, ``gt_sem_seg`` and ``img_shape``. Exactly one argument is given.

    Args:
        size: Height and width, whatever the aspect ratio was: AVSBench's test protocol.
        short_side: Length of the shorter side; the longer one follows, rounded down.
    """

    def __init__(self, *, size: Size | None = None, short_side: int | None = None) -> None:
        if (size is None) == (short_side is None):
            raise ValueError(
                f'ResizeClip takes either size=(H, W) or short_side, got size={size!r} and '
                f'short_side={short_side!r}'
            )
        self.size = None if size is None else (int(size[0]), int(size[1]))
        self.short_side = short_side

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        size = self.size or self._keep_ratio(*results['imgs'].shape[1:3])
        if size == results['imgs'].shape[1:3]:
            return {**results, 'img_shape': size}
        return _resized(results, size)

    def _keep_ratio(self, height: int, width: int) -> Size:
        short = self.short_side or 0
        if height < width:
            return short, int(short * width / height)
        return int(short * height / width), short


@TRANSFORMS.register_module()
class CenterCrop(BaseTransform):
    """Cut the middle out of every frame and label map.

    Reads and writes ``imgs``, ``gt_sem_seg`` and ``img_shape``.

    Args:
        size: Height and width of the result.
    """

    def __init__(self, *, size: Size) -> None:
        self.size = (int(size[0]), int(size[1]))

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        (height, width), found = self.size, results['imgs'].shape[1:3]
        if found[0] < height or found[1] < width:
            raise ValueError(
                f'{clip_name(results)} is {found} (H, W), CenterCrop cuts {self.size} out of it. '
                f'Put ResizeClip(short_side={max(self.size)}) before it.'
            )
        top, left = round((found[0] - height) / 2), round((found[1] - width) / 2)
        return _cropped(results, top, left, self.size)


@TRANSFORMS.register_module()
class RandomResizedCrop(BaseTransform):
    """Cut one random box out of the whole clip and resize it.

    Reads and writes ``imgs``, ``gt_sem_seg`` and ``img_shape``. Without the cut the clip is
    still resized, so that batches fit.

    Args:
        size: Height and width of the result.
        scale: Least and greatest area of the box, as parts of the frame's area.
        ratio: Least and greatest width / height of the box.
        prob: How often a box is cut.
    """

    def __init__(
        self,
        *,
        size: Size,
        scale: tuple[float, float] = (0.5, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        prob: float = 1.0,
    ) -> None:
        self.size = (int(size[0]), int(size[1]))
        self.scale = scale
        self.ratio = ratio
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        if worker_random().rand() < self.prob:
            results = _cropped(results, *self._draw_box(*results['imgs'].shape[1:3]))
        return _resized(results, self.size)

    def _draw_box(self, height: int, width: int) -> tuple[int, int, Size]:
        """Top, left and size of a box; one that does not fit is cut to the frame."""
        random = worker_random()
        area = height * width * random.uniform(*self.scale)
        ratio = np.exp(random.uniform(*np.log(self.ratio)))
        box = (
            int(np.clip(round(np.sqrt(area / ratio)), 1, height)),
            int(np.clip(round(np.sqrt(area * ratio)), 1, width)),
        )
        top, left = random.randint(height - box[0] + 1), random.randint(width - box[1] + 1)
        return int(top), int(left), box


@TRANSFORMS.register_module()
class RandomFlip(BaseTransform):
    """Mirror the whole clip left to right.

    Reads and writes ``imgs`` and ``gt_sem_seg``. Writes ``flip``.

    Args:
        prob: How often.
    """

    def __init__(self, *, prob: float = 0.5) -> None:
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        flip = bool(worker_random().rand() < self.prob)
        if not flip:
            return {**results, 'flip': False}
        return _mapped(results, lambda pixels: pixels[:, :, ::-1], {'flip': True})


def _mapped(
    results: dict[str, Any], cut: Callable[[NDArray[Any]], NDArray[Any]], extra: dict[str, Any]
) -> dict[str, Any]:
    """Apply one cut to frames (T, H, W, 3) and label maps (T, H, W) alike."""
    keys = {'imgs', 'gt_sem_seg'} & set(results)
    return {**results, **{key: cut(results[key]) for key in keys}, **extra}


def _cropped(results: dict[str, Any], top: int, left: int, size: Size) -> dict[str, Any]:
    height, width = size
    return _mapped(
        results,
        lambda pixels: pixels[:, top : top + height, left : left + width],
        {'img_shape': size},
    )


def _resized(results: dict[str, Any], size: Size) -> dict[str, Any]:
    resized = {'img_shape': size, 'imgs': _resize(results['imgs'], size, 'bilinear')}
    if 'gt_sem_seg' in results:
        resized['gt_sem_seg'] = _resize(results['gt_sem_seg'], size, 'nearest')
    return {**results, **resized}


def _resize(images: NDArray[np.uint8], size: Size, interpolation: str) -> NDArray[np.uint8]:
    """Pillow's filters, as in AVSBench: its bilinear one averages when it shrinks."""
    wanted = size[::-1]
    return np.stack(
        [
            mmcv.imresize(image, wanted, interpolation=interpolation, backend='pillow')
            for image in images
        ]
    )
