"""Meters of moving mouths: what `MouthMotionGrounding` sees of the people in a frame.

Contract: ``measure(frames, frame, found) -> (N,)`` gives one number per detection, larger for a
mouth that is open or moves, NaN where there is no telling. ``rest`` is the most that a closed mouth
gives and ``spread`` the least difference that means anything.
"""

from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.face_detection.face_detector import (
    DetectedFace,
    FaceDetector,
    MouthOpeningEstimator,
    Square,
)
from avis.registry import MODELS
from avis.structures.masks import decode_rle
from avis.structures.media import FrameDetections, FrameSource, ImageArray

Values = NDArray[np.float64]

# Where a head is looked for: side of the square in widths of the person's box, and how much of the
# square is above the box.
_HEAD_SIDE, _HEAD_MARGIN = 1.5, 0.15


class MouthMotion(Protocol):
    """Measures mouths; `FaceMeshMouthMotion`, `HeadMotion`."""

    rest: float
    spread: float
    min_fps: float
    """Frames per second from which it can tell."""

    def measure(self, frames: FrameSource, frame: int, found: FrameDetections) -> Values:
        """One number per detection (N,)."""


@MODELS.register_module()
class FaceMeshMouthMotion:
    """How far mouths are open, by MediaPipe's face mesh; a single image tells.

    Faces are looked for where heads are: at the top of each detection.

    Args:
        folder: Where MediaPipe's ``modules`` are; None looks into the installed wheel.
    """

    not_in_cache_key = ('folder',)
    rest = 0.05  # of the distance of the eyes
    spread = 0.08
    min_fps = 0.0

    def __init__(self, *, folder: str | None = None) -> None:
        self.folder = folder

    def measure(self, frames: FrameSource, frame: int, found: FrameDetections) -> Values:
        """Openings over the distance of the eyes; NaN for a detection without a face."""
        values = np.full(len(found), np.nan)
        if not len(found):
            return values
        image = frames[frame]
        masks = [decode_rle(mask) for mask in found.masks]
        for face in self._finder(image, squares=[_head(box) for box in found.boxes]):
            row = _owner(face, masks)
            if row is not None and np.isnan(values[row]):
                opening = self._meter(image, face)
                values[row] = np.nan if opening is None else opening
        return values

    @cached_property
    def _finder(self) -> FaceDetector:
        return FaceDetector(folder=self.folder)

    @cached_property
    def _meter(self) -> MouthOpeningEstimator:
        return MouthOpeningEstimator(folder=self.folder)


def _head(box: NDArray[np.float32]) -> Square:
    """A square around the head of a person with a box x1 y1 x2 y2."""
    left, top, right, _ = (float(x) for x in box)
    side = _HEAD_SIDE * (right - left + 1)
    return (left + right) / 2, top + (0.5 - _HEAD_MARGIN) * side, side


def _owner(face: DetectedFace, masks: list[NDArray[np.bool_]]) -> int | None:
    """The mask that covers most of a face, at least a third of it."""
    height, width = masks[0].shape
    x1, y1, x2, y2 = face.box.round().astype(int)
    place = np.s_[max(y1, 0) : min(y2, height), max(x1, 0) : min(x2, width)]
    covered = [mask[place].sum() / max((x2 - x1) * (y2 - y1), 1) for mask in masks]
    best = int(np.argmax(covered))
    return best if covered[best] > 1 / 3 else None


@MODELS.register_module()
class HeadMotion:
    """How much the upper part of a mask changes from frame to frame; needs no network.

    Args:
        head: Height of the head over the height of the mask.
    """

    rest = 1.0  # gray levels
    spread = 4.0
    min_fps = 8.0

    def __init__(self, *, head: float = 0.35) -> None:
        self.head = head
        self._last: tuple[FrameSource | None, int, ImageArray | None] = (None, -1, None)

    def measure(self, frames: FrameSource, frame: int, found: FrameDetections) -> Values:
        """Mean change of gray levels against the frame before; NaN in the first frame."""
        if frame == 0 or not len(found):
            return np.full(len(found), np.nan)
        before = self._gray(frames, frame - 1)
        now = self._gray(frames, frame)
        change = np.abs(now.astype(np.float32) - before)
        return np.array([self._change(change, decode_rle(mask)) for mask in found.masks])

    def _gray(self, frames: FrameSource, frame: int) -> ImageArray:
        source, number, gray = self._last
        if source is not frames or number != frame or gray is None:
            image = cv2.cvtColor(frames[frame], cv2.COLOR_RGB2GRAY)
            gray = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0), np.uint8)
            self._last = (frames, frame, gray)
        return gray

    def _change(self, change: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
        """The mean over the head, less that over the rest of the person, who may walk."""
        rows = np.flatnonzero(mask.any(axis=1))
        if not len(rows):
            return float('nan')
        neck = rows[0] + max(1, round(self.head * (rows[-1] + 1 - rows[0])))
        head, body = change[:neck][mask[:neck]], change[neck:][mask[neck:]]
        return float(head.mean() - (body.mean() if len(body) else 0.0))
