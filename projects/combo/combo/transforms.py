"""Steps of the pipelines of COMBO."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.readers.images import read_image
from avis.datasets.transforms.clip import clip_name, frame_ids_of, loaded_frames, worker_random
from avis.datasets.transforms.geometry import cropped
from avis.registry import TRANSFORMS
from combo.prior_images import color_segments, find_generator, label_segments

_SUFFIX = '_mask_color.png'


@TRANSFORMS.register_module()
class LoadPriorImages(BaseTransform):
    """Add the prior image of each frame, from files or from a generator of masks.

    Reads ``frames`` (T, H, W, 3) and ``frame_paths``. Writes ``prior_images`` uint8 (T, H, W, 3),
    at the size of the frames.

    Args:
        replace: Parts of the path of a frame and what replaces them, each once, to get the folder
            of its prior image, ``<name of the frame>_mask_color.png``. ``python -m
            combo.make_prior_images`` writes these files.
        generator: Makes prior images from the frames instead; see
            :func:`~combo.prior_images.find_generator`.
    """

    def __init__(
        self, *, replace: Mapping[str, str] | None = None, generator: str | None = None
    ) -> None:
        if (replace is None) == (generator is None):
            raise ValueError(
                f'LoadPriorImages takes either replace or generator, got {replace!r} and '
                f'{generator!r}'
            )
        self.replace = dict(replace or {})
        self.generate = None if generator is None else find_generator(generator)

    def path_of(self, frame: str) -> Path:
        """Return the path of the prior image of a frame."""
        path = frame
        for old, new in self.replace.items():
            if old not in path:
                raise ValueError(
                    f'LoadPriorImages: expected {old!r} in the path {frame}; set replace to parts '
                    f'of the paths of the frames'
                )
            path = path.replace(old, new, 1)
        return Path(path).with_name(Path(path).stem + _SUFFIX)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        frames = loaded_frames(results, 'LoadPriorImages')
        if self.generate is not None:
            images = [
                color_segments(label_segments(self.generate(image), image.shape[:2]))
                for image in frames
            ]
        else:
            images = self._read(results, frames.shape[1:3])
        return {**results, 'prior_images': np.stack(images)}

    def _read(self, results: Mapping[str, Any], size: tuple[int, int]) -> list[NDArray[np.uint8]]:
        paths = results['frame_paths']
        if isinstance(paths, str):
            raise ValueError(
                f'{clip_name(results)}: LoadPriorImages reads a file per image file of a frame, '
                f'got the video {paths}; set generator instead of replace'
            )
        images = [read_image(self.path_of(paths[index])) for index in frame_ids_of(results)]
        nearest = cv2.INTER_NEAREST_EXACT
        return [cv2.resize(image, size[::-1], interpolation=nearest) for image in images]


@TRANSFORMS.register_module()
class RandomCropOrPad(BaseTransform):
    """Crop one random box of the whole clip; pad what is smaller at the right and the bottom.

    Reads and writes ``frames``, ``prior_images``, ``gt_sem_seg`` and ``img_shape``.

    Args:
        size: Height and width of the result.
        fill: Level of padded pixels of the images.
        label: Label of padded pixels; no loss counts 255.
    """

    def __init__(self, *, size: tuple[int, int], fill: int = 128, label: int = 255) -> None:
        self.size = (int(size[0]), int(size[1]))
        self.values = {'frames': fill, 'prior_images': fill, 'gt_sem_seg': label}

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        found = loaded_frames(results, 'RandomCropOrPad').shape[1:3]
        random = worker_random()
        size = (min(found[0], self.size[0]), min(found[1], self.size[1]))
        top, left = (int(random.randint(n - m + 1)) for n, m in zip(found, size, strict=True))
        results = cropped(results, top, left, size)
        missing = [(0, n - m) for n, m in zip(self.size, size, strict=True)]
        for key in self.values.keys() & results.keys():
            rest = [(0, 0)] * (results[key].ndim - 3)
            results[key] = np.pad(
                results[key], [(0, 0), *missing, *rest], constant_values=self.values[key]
            )
        return {**results, 'img_shape': self.size}


@TRANSFORMS.register_module()
class JitterEachImage(BaseTransform):
    """Change brightness, contrast, saturation and hue of each image by random factors of its own.

    Reads and writes ``frames`` and ``prior_images``. Each of the four changes has probability 1/2.
    Contrast is either before or after saturation and hue.

    Source: Liu et al., *SSD*, ECCV 2016 (arXiv:1512.02325), with the ranges of Detectron2; the
    official code of COMBO draws anew for each image of a clip.

    Args:
        brightness: Most levels that are added or subtracted.
        contrast: Range of the factor.
        saturation: Range of the factor.
        hue: Most steps of two degrees.
    """

    def __init__(
        self,
        *,
        brightness: int = 32,
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: int = 18,
    ) -> None:
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        loaded_frames(results, 'JitterEachImage')
        jittered = dict(results)
        for key in ('frames', 'prior_images'):
            if key in results:
                jittered[key] = np.stack([self._jitter(image) for image in results[key]])
        return jittered

    def _jitter(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        random = worker_random()
        if random.randint(2):
            image = _linear(image, 1.0, random.uniform(-self.brightness, self.brightness))
        contrast_first = random.randint(2)
        if contrast_first:
            image = self._change_contrast(image)
        image = self._change_color(image)
        return image if contrast_first else self._change_contrast(image)

    def _change_contrast(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        random = worker_random()
        return _linear(image, random.uniform(*self.contrast), 0.0) if random.randint(2) else image

    def _change_color(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        random = worker_random()
        saturate, shift = random.randint(2, size=2)
        if not saturate and not shift:
            return image
        hsv = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2HSV)
        if saturate:
            hsv[..., 1] = _linear(hsv[..., 1], random.uniform(*self.saturation), 0.0)
        if shift:
            moved = hsv[..., 0].astype(int) + random.randint(-self.hue, self.hue + 1)
            hsv[..., 0] = moved % 180
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def _linear(image: NDArray[np.uint8], factor: float, offset: float) -> NDArray[np.uint8]:
    """Return factor * image + offset, clipped."""
    return np.clip(image.astype(np.float32) * factor + offset, 0, 255).astype(np.uint8)
