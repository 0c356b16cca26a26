"""Measures of mouth opening and motion, from which `MouthMotionGrounding` finds the speaker.

Interface: ``measure(frames, frame, detections) -> (N,)`` returns one value per detection, larger
for a mouth that is open or moves, and NaN where it cannot be measured.
"""

from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.face_detection.face_detector import (
    FaceDetector,
    MouthOpeningEstimator,
    Square,
)
from avis.avtracker.grounding.video_objects import covering_mask
from avis.registry import MODELS
from avis.structures.masks import decode_rle
from avis.structures.media import FrameDetections, FrameSource, ImageArray

# Square in which the head of a person is searched: side in widths of the person's box, and share
# of the side that is above the box.
_HEAD_SIDE, _HEAD_MARGIN = 1.5, 0.15


class MouthMotion(Protocol):
    """Measures mouths; `FaceMeshMouthMotion`, `HeadMotion`."""

    closed_level: float
    """Maximum value of a closed mouth."""
    min_range: float
    """Minimum difference of values that is meaningful."""
    min_fps: float
    """Minimum frame rate in frames per second."""

    def measure(
        self, frames: FrameSource, frame: int, detections: FrameDetections
    ) -> NDArray[np.float64]:
        """Measure the mouths in one frame.

        Args:
            frames: The frames of the video.
            frame: Index of the frame.
            detections: The N detections of the frame.

        Returns:
            One value per detection, (N,); NaN where it cannot be measured.
        """


@MODELS.register_module()
class FaceMeshMouthMotion:
    """Mouth opening according to MediaPipe's face mesh, from single images.

    Faces are searched at the top of each detection.

    Args:
        folder: Folder of MediaPipe's ``modules``; None uses the installed wheel.
    """

    not_in_cache_key = ('folder',)
    closed_level = 0.05  # of the distance of the eyes
    min_range = 0.08
    min_fps = 0.0

    def __init__(self, *, folder: str | None = None) -> None:
        self.folder = folder

    def measure(
        self, frames: FrameSource, frame: int, detections: FrameDetections
    ) -> NDArray[np.float64]:
        """Openings over the distance of the eyes; NaN for a detection without a face."""
        values = np.full(len(detections), np.nan)
        if not len(detections):
            return values
        image = frames[frame]
        masks = [decode_rle(mask) for mask in detections.masks]
        squares = [_head_square(box) for box in detections.boxes]
        for face in self._face_detector(image, squares=squares):
            row = covering_mask(face.box, masks)
            if row is not None and np.isnan(values[row]):
                opening = self._estimator(image, face)
                values[row] = np.nan if opening is None else opening
        return values

    @cached_property
    def _face_detector(self) -> FaceDetector:
        return FaceDetector(folder=self.folder)

    @cached_property
    def _estimator(self) -> MouthOpeningEstimator:
        return MouthOpeningEstimator(folder=self.folder)


def _head_square(box: NDArray[np.float32]) -> Square:
    """A square around the head of a person with box x1 y1 x2 y2."""
    left, top, right, _ = (float(x) for x in box)
    side = _HEAD_SIDE * (right - left + 1)
    return (left + right) / 2, top + (0.5 - _HEAD_MARGIN) * side, side


@MODELS.register_module()
class HeadMotion:
    """Gray-level change of the head between two frames; needs no network.

    Args:
        head: Height of the head over the height of the mask.
    """

    closed_level = 1.0  # gray levels
    min_range = 4.0
    min_fps = 8.0

    def __init__(self, *, head: float = 0.35) -> None:
        self.head = head
        self._last: tuple[FrameSource | None, int, ImageArray | None] = (None, -1, None)

    def measure(
        self, frames: FrameSource, frame: int, detections: FrameDetections
    ) -> NDArray[np.float64]:
        """Mean change of gray levels since the previous frame; NaN in the first frame."""
        if frame == 0 or not len(detections):
            return np.full(len(detections), np.nan)
        previous = self._gray(frames, frame - 1)
        current = self._gray(frames, frame)
        change = np.abs(current.astype(np.float32) - previous)
        return np.array([self._head_change(change, decode_rle(mask)) for mask in detections.masks])

    def _gray(self, frames: FrameSource, frame: int) -> ImageArray:
        source, index, gray = self._last
        if source is not frames or index != frame or gray is None:
            image = cv2.cvtColor(frames[frame], cv2.COLOR_RGB2GRAY)
            gray = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0), np.uint8)
            self._last = (frames, frame, gray)
        return gray

    def _head_change(self, change: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
        """Mean change of the head minus that of the body, which also changes while walking."""
        rows = np.flatnonzero(mask.any(axis=1))
        if not len(rows):
            return float('nan')
        neck = rows[0] + max(1, round(self.head * (rows[-1] + 1 - rows[0])))
        head, body = change[:neck][mask[:neck]], change[neck:][mask[neck:]]
        return float(head.mean() - (body.mean() if len(body) else 0.0))
