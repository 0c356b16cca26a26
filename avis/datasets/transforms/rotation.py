"""Rotation by an angle that changes from frame to frame: how a single image becomes a clip."""

from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.transforms.clip import loaded_frames, worker_random
from avis.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomRotation(BaseTransform):
    """Rotate the frames of a clip around one center, by ascending or descending angles.

    Comes after the other geometric transforms. Reads and writes ``frames`` and ``geometry``; masks
    must be polygons, as those of COCO are. The angles are uniform and sorted, ascending or
    descending with equal probability; the center is uniform in the middle of the frame. Outside of
    the image frames are black.

    Source: the training code of VITA (Heo et al., NeurIPS 2022), which LBVQ and CAVIS share.

    Args:
        max_angle: Largest angle in degrees, in either direction.
        center_range: Range of the center, relative to width and height.
    """

    def __init__(
        self, *, max_angle: float = 15.0, center_range: tuple[float, float] = (0.4, 0.6)
    ) -> None:
        self.max_angle = max_angle
        self.center_range = (float(center_range[0]), float(center_range[1]))

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        frames = loaded_frames(results, 'RandomRotation')
        num_frames, height, width = frames.shape[:3]
        angles, center = self.draw(num_frames)
        x, y = center[0] * width, center[1] * height
        # Positions count from the corner of the first pixel, OpenCV counts from its center.
        rotations = np.stack([cv2.getRotationMatrix2D((x, y), a, 1.0) for a in angles.tolist()])
        turned = [
            cv2.warpAffine(
                image, cv2.getRotationMatrix2D((x - 0.5, y - 0.5), angle, 1.0), (width, height)
            )
            for image, angle in zip(frames, angles.tolist(), strict=True)
        ]
        geometry = results['geometry'].rotated(rotations)
        return {**results, 'frames': np.stack(turned), 'geometry': geometry}

    def draw(self, num_frames: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Draw the angles (T,), in degrees and counterclockwise, and the center x, y."""
        random = worker_random()
        angles = np.sort(random.uniform(-self.max_angle, self.max_angle, num_frames))
        center = random.uniform(*self.center_range, 2)
        return (angles[::-1] if random.rand() < 0.5 else angles), center
