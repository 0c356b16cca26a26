"""Color augmentation with the same random factors for all frames of a clip."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from avis.datasets.transforms.clip import loaded_frames, worker_random
from avis.registry import TRANSFORMS

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, RGB


@TRANSFORMS.register_module()
class ColorJitter(BaseTransform):
    """Change brightness, contrast and saturation of all frames by the same random factors.

    Reads and writes ``frames``. Each factor is uniform in [1 - x, 1 + x]. Contrast is relative to
    the mean gray of the whole clip, so that a cut does not change the brightness of the frames
    around it.

    Args:
        brightness: x of the brightness, in [0, 1].
        contrast: x of the contrast, in [0, 1].
        saturation: x of the saturation, in [0, 1].
        prob: Probability of changing the clip.
    """

    def __init__(
        self,
        *,
        brightness: float = 0.2,
        contrast: float = 0.2,
        saturation: float = 0.2,
        prob: float = 1.0,
    ) -> None:
        self.spread = np.array([brightness, contrast, saturation])
        if self.spread.min() < 0 or self.spread.max() > 1:
            raise ValueError(
                f'ColorJitter: expected brightness, contrast and saturation in [0, 1], '
                f'got {self.spread.tolist()}'
            )
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        frames, random = loaded_frames(results, 'ColorJitter'), worker_random()
        if random.rand() >= self.prob:
            return dict(results)
        factors = 1 + self.spread * random.uniform(-1, 1, size=3)
        brightness, contrast, saturation = factors.astype(np.float32)
        pixels = frames * brightness  # (T, H, W, 3)
        gray = pixels @ _LUMA  # (T, H, W)
        mean = gray.mean()
        # Saturation relative to the gray of each pixel, then contrast relative to that of the clip.
        pixels = gray[..., None] + (pixels - gray[..., None]) * saturation
        pixels = mean + (pixels - mean) * contrast
        return {**results, 'frames': np.clip(pixels + 0.5, 0, 255).astype(np.uint8)}
