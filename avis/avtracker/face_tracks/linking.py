"""Linking of detected faces to tracks by overlap and appearance, one look at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.boxes import iou
from avis.avtracker.face_tracks.face_track import Boxes
from avis.models.trackers.matching import match
from avis.structures.media import ImageArray

_BINS = (12, 4, 4)  # of hue, saturation, value
_COLOR_SIDE = 64  # pixels to which a face is reduced before its colors are counted
_MIN_IOU = 0.15  # a head moves by at most two thirds of its width between two looks
_MIN_SIMILARITY = 0.5
_IOU_WEIGHT = 0.4  # the rest is the weight of the colors
_OLD_COLORS, _NEW_COLORS = 0.7, 0.3  # weights when the colors of a track are updated


@dataclass
class LinkedFaces:
    """The detections of one face.

    Args:
        frames: Frames in which it was detected, increasing.
        boxes: One box per frame, plain numbers: small arrays that are created between images, and
            kept, scatter the memory.
    """

    frames: list[int] = field(default_factory=list)
    boxes: list[tuple[float, ...]] = field(default_factory=list)
    colors: NDArray[np.float32] | None = None

    def add(self, frame: int, box: NDArray[np.float64], colors: NDArray[np.float32]) -> None:
        """Add a detection."""
        self.frames.append(frame)
        self.boxes.append(tuple(box.tolist()))
        old = self.colors
        self.colors = colors if old is None else _OLD_COLORS * old + _NEW_COLORS * colors


class FaceLinker:
    """Links the faces of one shot.

    Args:
        max_gap: Most frames between two detections of a track.
    """

    def __init__(self, *, max_gap: int) -> None:
        self.max_gap = max_gap
        self._open: list[LinkedFaces] = []

    def add(self, frame: int, image: ImageArray, boxes: Boxes) -> list[LinkedFaces]:
        """Add the faces of a frame; frames must be passed in order.

        Returns:
            Tracks that ended because their face was not seen for too long.
        """
        ended = [each for each in self._open if frame - each.frames[-1] > self.max_gap]
        self._open = [each for each in self._open if frame - each.frames[-1] <= self.max_gap]
        colors = [_colors(image, box) for box in boxes]
        taken = dict(match(self._similarity(boxes, colors).T, _MIN_SIMILARITY))
        tracks = list(self._open)
        for index, box in enumerate(boxes):
            track = tracks[taken[index]] if index in taken else LinkedFaces()
            if index not in taken:
                self._open.append(track)
            track.add(frame, box, colors[index])
        return ended

    def last_boxes(self) -> Boxes:
        """The last boxes of the tracks that may go on, (N, 4)."""
        return np.array([track.boxes[-1] for track in self._open]).reshape(-1, 4)

    def finish(self) -> list[LinkedFaces]:
        """End the shot; returns the tracks that are left."""
        ended, self._open = self._open, []
        return ended

    def _similarity(
        self, boxes: Boxes, colors: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float64]:
        """Similarity of each open track and each face; minus infinity where they are apart."""
        table = np.full((len(self._open), len(boxes)), -np.inf)
        for row, track in enumerate(self._open):
            overlaps = iou(track.boxes[-1], boxes)
            assert track.colors is not None
            same = np.array([float(np.minimum(track.colors, new).sum()) for new in colors])
            near = overlaps >= _MIN_IOU
            table[row, near] = (_IOU_WEIGHT * overlaps + (1 - _IOU_WEIGHT) * same)[near]
        return table


def _colors(image: ImageArray, box: NDArray[np.float64]) -> NDArray[np.float32]:
    """Histogram of the colors of a face, with sum 1."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (int(value) for value in box.round())
    left, top = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    part = image[top : max(min(y2, height), top + 1), left : max(min(x2, width), left + 1)]
    side = min(_COLOR_SIDE, *part.shape[:2])
    small = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
    hsv = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2HSV), np.uint8)
    ranges = [0, 180, 0, 256, 0, 256]
    counts = np.asarray(cv2.calcHist([hsv], [0, 1, 2], None, list(_BINS), ranges), np.float32)
    return np.asarray(counts / max(float(counts.sum()), 1.0), np.float32)
