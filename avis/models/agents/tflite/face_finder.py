"""Faces, their landmarks, and how far a mouth is open: BlazeFace and face mesh of MediaPipe."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avis.models.agents.contract import Picture
from avis.models.agents.tflite.network import TFLiteNetwork, cut_square, sigmoid

_SIZE = 192  # input of both networks
_GRID = 48  # one anchor per cell of 4 pixels
_TILE = 0.6  # side of a tile over the shorter side of the picture
_SMALLEST_TILE = 32  # pixels: in smaller ones no face could be made out, and strips have thousands
# Points of the mesh: inner lips above and below in three places; outer corners of the eyes.
_LIPS = ((13, 14), (82, 87), (312, 317))
_EYES = (33, 263)


@dataclass(frozen=True)
class FoundFace:
    """A face in a picture.

    Args:
        box: x1 y1 x2 y2 in pixels.
        points: (6, 2): right eye, left eye, nose, mouth, right ear, left ear; right is the face's.
        score: 0 to 1.
    """

    box: NDArray[np.float64]
    points: NDArray[np.float64]
    score: float

    @property
    def width(self) -> float:
        """In pixels."""
        return float(self.box[2] - self.box[0])

    @property
    def centre(self) -> tuple[float, float]:
        """In pixels."""
        return float(self.box[0] + self.box[2]) / 2, float(self.box[1] + self.box[3]) / 2


class FaceFinder:
    """BlazeFace, full range: faces from about 5 % of the picture's longer side on.

    Args:
        threshold: Least score.
        max_overlap: Of two boxes with a larger IoU the better one stays.
        tiles: Look at overlapping squares of 60 % of the shorter side too, for small faces.
        folder: Where MediaPipe's ``modules`` are; None looks into the installed wheel.
    """

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        max_overlap: float = 0.3,
        tiles: bool = False,
        folder: str | None = None,
    ) -> None:
        self.threshold, self.max_overlap, self.tiles = threshold, max_overlap, tiles
        self._network = TFLiteNetwork(
            'face_detection/face_detection_full_range_sparse.tflite', folder=folder
        )
        y, x = np.mgrid[:_GRID, :_GRID]
        self._anchors = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) / _GRID

    def __call__(self, picture: Picture) -> list[FoundFace]:
        """All faces, from left to right."""
        height, width = picture.shape[:2]
        squares = [(width / 2, height / 2, float(max(height, width)))]
        side = _TILE * min(height, width)
        if self.tiles and side >= _SMALLEST_TILE:
            squares += [(x, y, side) for y in _middles(height, side) for x in _middles(width, side)]
        faces = [face for square in squares for face in self._look(picture, *square)]
        faces.sort(key=lambda face: -face.score)
        boxes = np.array([face.box for face in faces]).reshape(len(faces), 4)
        faces = [faces[i] for i in _best_apart(boxes, self.max_overlap)]
        return sorted(faces, key=lambda face: face.centre[0])

    def _look(self, picture: Picture, x: float, y: float, side: float) -> list[FoundFace]:
        """All faces in a square with a middle and a side."""
        square, _ = cut_square(picture, centre=(x, y), side=side, size=_SIZE)
        values, logits = self._network(square / 127.5 - 1)
        scores = sigmoid(logits[:, 0])
        keep = np.flatnonzero(scores > self.threshold)
        # Middle, size and six points, as distances from the anchor in pixels of the input.
        points = values[keep].reshape(len(keep), 8, 2) / _SIZE
        points[:, np.r_[0, 2:8]] += self._anchors[keep, None]
        points *= side
        corner, half = np.array([x, y]) - side / 2, points[:, 1] / 2
        boxes = np.concatenate([points[:, 0] - half, points[:, 0] + half], axis=1)
        boxes += np.tile(corner, 2)
        points = points[:, 2:] + corner
        rows = zip(boxes, points, scores[keep], strict=True)
        return [FoundFace(box, six, float(score)) for box, six, score in rows]


def _middles(length: int, side: float) -> list[float]:
    """Middles of squares that cover a length and overlap by at least a quarter."""
    if side >= length:
        return [length / 2]
    count = int(np.ceil((length - side) / (0.75 * side))) + 1
    return [float(x) for x in np.linspace(side / 2, length - side / 2, count)]


def _best_apart(boxes: NDArray[np.float64], max_overlap: float) -> list[int]:
    """Indices of boxes, given best first, that do not overlap a better one."""
    chosen: list[int] = []
    for i, box in enumerate(boxes):
        low = np.maximum(boxes[chosen, :2], box[:2])
        high = np.minimum(boxes[chosen, 2:], box[2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        areas = np.prod(boxes[[*chosen, i], 2:] - boxes[[*chosen, i], :2], axis=1)
        if not (shared > max_overlap * (areas[:-1] + areas[-1] - shared)).any():
            chosen.append(i)
    return chosen


class MouthMeter:
    """How far mouths are open, by the 468 points of MediaPipe's face mesh.

    Args:
        folder: Where MediaPipe's ``modules`` are; None looks into the installed wheel.
    """

    def __init__(self, *, folder: str | None = None) -> None:
        self._network = TFLiteNetwork('face_landmark/face_landmark.tflite', folder=folder)

    def __call__(self, picture: Picture, face: FoundFace) -> float | None:
        """Opening of the inner lips over the distance of the eyes; None if it sees no face."""
        right, left = face.points[0], face.points[1]
        angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
        square, _ = cut_square(
            picture, centre=face.centre, side=1.5 * face.width, size=_SIZE, angle=angle
        )
        mesh, presence = self._network(square / 255)
        if sigmoid(presence).item() < 0.5:
            return None
        points = mesh.reshape(468, 3)[:, :2]
        eyes = np.linalg.norm(points[_EYES[0]] - points[_EYES[1]])
        opening = [np.linalg.norm(points[above] - points[below]) for above, below in _LIPS]
        return float(np.mean(opening) / max(eyes, 1e-6))
