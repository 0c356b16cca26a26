"""A face followed through consecutive frames."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""Boxes (N, 4), x1 y1 x2 y2 in pixels."""


@dataclass(frozen=True)
class FaceTrack:
    """One face in consecutive frames.

    Args:
        first: Index of its first frame.
        boxes: One box per frame, (F, 4), x1 y1 x2 y2 in pixels; may extend past the image.
    """

    first: int
    boxes: Boxes

    @property
    def stop(self) -> int:
        """Index of the frame after its last one."""
        return self.first + len(self.boxes)
