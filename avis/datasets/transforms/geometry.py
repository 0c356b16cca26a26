"""Geometric transforms of a whole clip: the same for every frame and every label map.

Steps that read ``frames`` change ``prior_images`` (T, H, W, 3) likewise, if there are any. Each
step updates ``geometry``, with which ``LoadTracks``, which comes after them, draws the masks.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import cv2
import mmcv
import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.transforms.clip import clip_name, loaded_frames, worker_random
from avis.datasets.transforms.clip_geometry import Size
from avis.registry import TRANSFORMS

Backend = Literal['pillow', 'torch']
Interpolation = Literal['bilinear', 'bicubic']

_IMAGES = frozenset({'frames', 'prior_images'})


@TRANSFORMS.register_module()
class ResizeClip(BaseTransform):
    """Resize frames (antialiased as Pillow does it) and label maps (nearest).

    Reads and writes ``frames``, ``gt_sem_seg``, ``img_shape`` and ``geometry``. Either ``size`` or
    ``short_side`` is given.

    Args:
        size: Height and width; the aspect ratio is not kept, as in the test protocol of AVSBench.
        short_side: Length of the shorter side, or several, of which one is drawn for each clip.
        max_long_side: Upper limit of the longer side; if it is exceeded, both sides shrink.
        rounding: How the length of the longer side is rounded: 'down' (torchvision) or 'nearest'
            (Detectron2).
        backend: 'pillow', or 'torch', which takes a fifth of the time. Mostly less than 1 in 500 of
            its values differs, by 1 of 255; for ratios like 4:5, where many values are exactly
            between two levels, 1 in 9 or less, by up to 2.
        interpolation: 'bilinear' or 'bicubic', of frames.
    """

    def __init__(
        self,
        *,
        size: Size | None = None,
        short_side: int | Sequence[int] | None = None,
        max_long_side: int | None = None,
        rounding: Literal['down', 'nearest'] = 'down',
        backend: Backend = 'pillow',
        interpolation: Interpolation = 'bilinear',
    ) -> None:
        if (size is None) == (short_side is None):
            raise ValueError(
                f'ResizeClip takes either size=(H, W) or short_side, got size={size!r} and '
                f'short_side={short_side!r}'
            )
        for name, value, known in (
            ('rounding', rounding, ('down', 'nearest')),
            ('backend', backend, get_args(Backend)),
            ('interpolation', interpolation, get_args(Interpolation)),
        ):
            if value not in known:
                raise ValueError(f'ResizeClip: expected {name} to be one of {known}, got {value!r}')
        self.size = None if size is None else (int(size[0]), int(size[1]))
        self.short_sides = () if short_side is None else tuple(np.atleast_1d(short_side).tolist())
        self.max_long_side = max_long_side
        self.rounding = rounding
        self.backend = backend
        self.interpolation = interpolation

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        shape = loaded_frames(results, 'ResizeClip').shape[1:3]
        size = self.choose_size(*shape)
        if size == shape:
            return {**results, 'img_shape': size}
        return resized(results, size, self.backend, self.interpolation)

    def choose_size(self, height: int, width: int) -> Size:
        """Return height and width after resizing; random if there are several short sides."""
        if self.size is not None:
            return self.size
        short = self.draw_short_side()
        if self.rounding == 'nearest':
            return _nearest_size(height, width, short, self.max_long_side)
        scale = short / min(height, width)
        if self.max_long_side is not None:
            scale = min(scale, self.max_long_side / max(height, width))
        # Set the short side exactly; rounding of the float scale could lose a pixel.
        if short / min(height, width) == scale:
            long = int(short * max(height, width) / min(height, width))
            return (short, long) if height < width else (long, short)
        return max(int(height * scale), 1), max(int(width * scale), 1)

    def draw_short_side(self) -> int:
        """Draw one of the short sides."""
        sides = self.short_sides
        return sides[0] if len(sides) == 1 else sides[worker_random().randint(len(sides))]


def _nearest_size(height: int, width: int, short: int, max_long_side: int | None) -> Size:
    """Return the size as Detectron2 computes it; halves depend on the order of the products."""
    scale = short / min(height, width)
    sides = (
        short if height < width else scale * height,
        scale * width if height < width else short,
    )
    if max_long_side is not None and max(sides) > max_long_side:
        scale = max_long_side / max(sides)
        sides = sides[0] * scale, sides[1] * scale
    return max(int(sides[0] + 0.5), 1), max(int(sides[1] + 0.5), 1)


@TRANSFORMS.register_module()
class CenterCrop(BaseTransform):
    """Crop the center of every frame and label map.

    Reads and writes ``frames``, ``gt_sem_seg`` and ``img_shape``.

    Args:
        size: Height and width of the result.
    """

    def __init__(self, *, size: Size) -> None:
        self.size = (int(size[0]), int(size[1]))

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        step = type(self).__name__
        (height, width), found = self.size, loaded_frames(results, step).shape[1:3]
        if found[0] < height or found[1] < width:
            raise ValueError(
                f'{clip_name(results)}: {step} expected frames of at least {self.size} (H, W), '
                f'got {found}. Put ResizeClip(short_side={max(self.size)}) before it.'
            )
        top, left = self.choose_corner((found[0] - height, found[1] - width))
        return cropped(results, top, left, self.size)

    def choose_corner(self, free: Size) -> Size:
        """First row and column of the box; ``free`` is how much larger the frame is."""
        return round(free[0] / 2), round(free[1] / 2)


@TRANSFORMS.register_module()
class RandomCrop(CenterCrop):
    """Crop a box of the clip at a random position, the same for every frame and label map.

    Reads and writes ``frames``, ``gt_sem_seg`` and ``img_shape``.

    Args:
        size: Height and width of the result.
    """

    def choose_corner(self, free: Size) -> Size:
        """Draw the position."""
        random = worker_random()
        return int(random.randint(free[0] + 1)), int(random.randint(free[1] + 1))


@TRANSFORMS.register_module()
class RandomResizedCrop(BaseTransform):
    """Crop one random box of the whole clip and resize it.

    Reads and writes ``frames``, ``gt_sem_seg`` and ``img_shape``. A clip that is not cropped is
    resized, too, so that all clips of a batch have the same size.

    Args:
        size: Height and width of the result.
        scale: Range of the area of the box, as fractions of the area of the frame.
        ratio: Range of width / height of the box.
        prob: Probability of cropping.
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
        height, width = loaded_frames(results, 'RandomResizedCrop').shape[1:3]
        if worker_random().rand() < self.prob:
            results = cropped(results, *self._draw_box(height, width))
        return resized(results, self.size)

    def _draw_box(self, height: int, width: int) -> tuple[int, int, Size]:
        """Draw top, left and size of a box; a box larger than the frame is clipped to it."""
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
    """Flip the whole clip horizontally.

    Reads and writes ``frames`` and ``gt_sem_seg``, and swaps the channels of stereo ``audio``.
    Writes ``flip``.

    Args:
        prob: Probability of flipping.
    """

    def __init__(self, *, prob: float = 0.5) -> None:
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        loaded_frames(results, 'RandomFlip')
        if not self.draw_flip():
            return {**results, 'flip': False}
        extra: dict[str, Any] = {'flip': True}
        if 'geometry' in results:
            extra['geometry'] = results['geometry'].mirrored()
        mirrored = _mapped(results, lambda pixels: pixels[:, :, ::-1], extra)
        # OpenCV flips RGB pixels 100 times faster than NumPy, which copies values one by one.
        for key in _IMAGES & set(results):
            mirrored[key] = np.stack([cv2.flip(image, 1) for image in results[key]])
        if results.get('stereo'):
            mirrored['audio'] = results['audio'][::-1]
        return mirrored

    def draw_flip(self) -> bool:
        """Draw whether the clip is flipped."""
        return bool(worker_random().rand() < self.prob)


def _mapped(
    results: dict[str, Any], function: Callable[[NDArray[Any]], NDArray[Any]], extra: dict[str, Any]
) -> dict[str, Any]:
    """Apply one function to images (T, H, W, 3) and label maps (T, H, W)."""
    keys = {*_IMAGES, 'gt_sem_seg'} & set(results)
    return {**results, **{key: function(results[key]) for key in keys}, **extra}


def cropped(
    results: dict[str, Any],
    tops: int | NDArray[np.int64],
    lefts: int | NDArray[np.int64],
    size: Size,
) -> dict[str, Any]:
    """Crop a box of every frame and label map.

    Args:
        results: Keys of the clip.
        tops: First row: one for all frames, or one per frame (T,).
        lefts: First column: one for all frames, or one per frame (T,).
        size: Height and width of the box.
    """
    height, width = size
    corners = np.stack(np.broadcast_arrays(tops, lefts), axis=-1)

    def crop(pixels: NDArray[Any]) -> NDArray[Any]:
        if corners.ndim == 1:
            top, left = corners
            return pixels[:, top : top + height, left : left + width]
        boxes = zip(pixels, corners.tolist(), strict=True)
        return np.stack([image[y : y + height, x : x + width] for image, (y, x) in boxes])

    extra: dict[str, Any] = {'img_shape': size}
    if 'geometry' in results:
        extra['geometry'] = results['geometry'].cropped(tops, lefts, size)
    return _mapped(results, crop, extra)


def resized(
    results: dict[str, Any],
    size: Size,
    backend: Backend = 'pillow',
    interpolation: Interpolation = 'bilinear',
) -> dict[str, Any]:
    """Resize every frame and label map."""
    changed: dict[str, Any] = {'img_shape': size}
    for key in _IMAGES & set(results):
        changed[key] = resize_images(results[key], size, backend, interpolation)
    if 'gt_sem_seg' in results:
        maps = [_resize_pillow(labels, size, 'nearest') for labels in results['gt_sem_seg']]
        changed['gt_sem_seg'] = np.stack(maps)
    if 'geometry' in results:
        changed['geometry'] = results['geometry'].resized(size)
    return {**results, **changed}


def resize_images(
    images: NDArray[np.uint8],
    size: Size,
    backend: Backend,
    interpolation: Interpolation = 'bilinear',
) -> NDArray[np.uint8]:
    """Resize images (T, H, W, 3), with antialiasing when they shrink."""
    if backend == 'pillow':
        return np.stack([_resize_pillow(image, size, interpolation) for image in images])
    # Channels-last input and output is the fast path of torch, and the layout of OpenCV. Flattening
    # first gives a single image the strides by which torch recognizes this layout.
    flat = torch.from_numpy(np.ascontiguousarray(images).reshape(-1))
    pixels = flat.view(images.shape).permute(0, 3, 1, 2)
    small = F.interpolate(pixels, size=size, mode=interpolation, antialias=True)
    shrunk: NDArray[np.uint8] = small.permute(0, 2, 3, 1).contiguous().numpy()
    return shrunk


def _resize_pillow(image: NDArray[np.uint8], size: Size, kind: str) -> NDArray[np.uint8]:
    """Resize with the filters of Pillow, as AVSBench and Detectron2 do."""
    pixels: NDArray[np.uint8] = mmcv.imresize(
        image, size[::-1], interpolation=kind, backend='pillow'
    )
    return pixels
