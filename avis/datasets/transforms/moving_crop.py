"""Moving crop: the augmentation with which published video instance models were trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.transforms.clip import loaded_frames, worker_random
from avis.datasets.transforms.clip_geometry import Size
from avis.datasets.transforms.geometry import Backend, ResizeClip, cropped
from avis.registry import TRANSFORMS


@dataclass(frozen=True)
class CropPath:
    """Random values of a moving crop of T frames.

    Attributes:
        size: Height and width of the box.
        first: Top and left of the end of the path that is closer to the origin.
        second: Top and left of the other end.
        fractions: (T,) in [0, 1], in any order: how close the box is to ``first``.
        reverse: False: the box moves towards ``first``. True: towards ``second``.
    """

    size: Size
    first: tuple[int, int]
    second: tuple[int, int]
    fractions: NDArray[np.float64]
    reverse: bool

    def corners(self) -> NDArray[np.int64]:
        """Return top and left of the box in each frame, int64 (T, 2)."""
        share = np.sort(self.fractions)[:, None]
        path = np.rint(np.array(self.first) * share + np.array(self.second) * (1 - share))
        return (path[::-1] if self.reverse else path).astype(np.int64)


@TRANSFORMS.register_module()
class RandomMovingCrop(BaseTransform):
    """Resize the clip and crop a box that moves on a straight line, in steps of random length.

    Reads and writes ``frames``, ``gt_sem_seg``, ``img_shape`` and ``geometry``. For each clip are
    drawn: the size of the box; a first position, uniform in the frame; a second one, uniform from
    the first to the bottom right; the position of each frame between the two; the direction.

    Source: the training code of Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025.

    Args:
        short_sides: Lengths of the shorter side, of which one is drawn.
        max_long_side: Upper limit of the longer side; if it is exceeded, both sides shrink.
        crop_range: Range of height and width of the box, which are drawn independently and clipped
            to the frame.
        prob: Probability of changing the clip.
        backend: See :class:`~avis.datasets.transforms.geometry.ResizeClip`.
    """

    def __init__(
        self,
        *,
        short_sides: Sequence[int] = (400, 500, 600),
        max_long_side: int = 1333,
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
        self.resize = ResizeClip(
            short_side=short_sides,
            max_long_side=max_long_side,
            rounding='nearest',
            backend=backend,
        )
        self.crop_range = (int(least), int(most))
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        loaded_frames(results, 'RandomMovingCrop')
        if not self.draw_crop():
            return dict(results)
        results = self.resize.transform(results)
        num_frames, height, width = results['frames'].shape[:3]
        path = self.draw_path(num_frames, (height, width))
        tops, lefts = path.corners().T
        return cropped(results, tops, lefts, path.size)

    def draw_crop(self) -> bool:
        """Draw whether the clip is changed."""
        return bool(worker_random().rand() < self.prob)

    def draw_path(self, num_frames: int, sides: Size) -> CropPath:
        """Draw a path in frames of height and width ``sides``."""
        random = worker_random()
        least, most = self.crop_range
        size = [int(random.randint(min(least, side), min(most, side) + 1)) for side in sides]
        ends = [side - length + 1 for side, length in zip(sides, size, strict=True)]
        first = [int(random.randint(0, end)) for end in ends]
        second = [int(random.randint(*span)) for span in zip(first, ends, strict=True)]
        return CropPath(
            size=(size[0], size[1]),
            first=(first[0], first[1]),
            second=(second[0], second[1]),
            fractions=random.rand(num_frames),
            reverse=bool(random.rand() < 0.5),
        )
