"""Moving crop: the augmentation with which published video instance models were trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from avis.datasets.transforms.clip import loaded_frames, worker_random
from avis.datasets.transforms.geometry import Backend, ResizeClip, cropped
from avis.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomMovingCrop(BaseTransform):
    """Resize the clip and crop a box that moves linearly from the first to the last frame.

    Reads and writes ``frames``, ``gt_sem_seg``, ``img_shape`` and ``geometry``. The size of the box
    is constant; its first and last position are drawn for each clip.

    Args:
        short_sides: Lengths of the shorter side, of which one is drawn.
        crop_range: Range of height and width of the box, which are drawn independently and clipped
            to the frame.
        prob: Probability of changing the clip.
        backend: See :class:`~avis.datasets.transforms.geometry.ResizeClip`.
    """

    def __init__(
        self,
        *,
        short_sides: Sequence[int] = (400, 500, 600),
        crop_range: tuple[int, int] = (384, 600),
        prob: float = 0.5,
        backend: Backend = 'pillow',
    ) -> None:
        least, most = crop_range
        if not 0 < least <= most:
            raise ValueError(
                f'RandomMovingCrop: expected crop_range to be two ascending lengths, got '
                f'{crop_range}'
            )
        self.resize = ResizeClip(short_side=short_sides, rounding='nearest', backend=backend)
        self.crop_range = (int(least), int(most))
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        loaded_frames(results, 'RandomMovingCrop')
        random = worker_random()
        if random.rand() >= self.prob:
            return dict(results)
        results = self.resize.transform(results)
        num_frames, *sides = results['frames'].shape[:3]
        least, most = self.crop_range
        size = [int(random.randint(min(least, s), min(most, s) + 1)) for s in sides]
        positions = np.array(sides, np.int64) - size + 1
        start, end = random.randint(positions), random.randint(positions)  # top and left
        path = np.linspace(start, end, num_frames).round().astype(np.int64)  # (T, 2)
        return cropped(results, path[:, 0], path[:, 1], (size[0], size[1]))
