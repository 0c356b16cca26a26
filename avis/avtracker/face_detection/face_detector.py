"""Faces, their landmarks, and how far a mouth is open: BlazeFace and face mesh of MediaPipe."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.face_detection.tflite_network import TFLiteNetwork, cut_square, sigmoid
from avis.structures.media import ImageArray

_SIZE = 192  # input of both networks
_GRID = 48  # one anchor per cell of 4 pixels
_TILE = 0.6  # side of a tile over the shorter side of the image
_SMALLEST_TILE = 32  # pixels: in smaller ones no face could be made out, and strips have thousands
# Points of the mesh: inner lips above and below in three places; outer corners of the eyes.
_LIPS = ((13, 14), (82, 87), (312, 317))
_EYES = (33, 263)

Square = tuple[float, float, float]
"""Middle x and y, and side, in pixels."""


@dataclass(frozen=True)
class DetectedFace:
    """A face in a image.

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
    def center(self) -> tuple[float, float]:
        """In pixels."""
        return float(self.box[0] + self.box[2]) / 2, float(self.box[1] + self.box[3]) / 2


class FaceDetector:
    """BlazeFace, full range: faces from about 5 % of the image's longer side on.

    A chest or a wheel looks like a face to it now and then; what scores below ``sure`` counts only
    if the face mesh sees a face there too. A face half hidden looks unlike one to the mesh, so it
    is asked for little.

    Args:
        threshold: Least score.
        sure: Score from which the mesh is not asked.
        presence: What the mesh has to give an unsure face, 0 to 1.
        max_overlap: Of two boxes that share more of the smaller one the better one stays.
        tiles: Look at overlapping squares of 60 % of the shorter side too, for small faces.
        folder: Where MediaPipe's ``modules`` are; None looks into the installed wheel.
    """

    def __init__(
        self,
        *,
        threshold: float = 0.4,
        sure: float = 0.75,
        presence: float = 0.1,
        max_overlap: float = 0.5,
        tiles: bool = False,
        folder: str | None = None,
    ) -> None:
        self.threshold, self.sure, self.presence = threshold, sure, presence
        self.max_overlap, self.tiles = max_overlap, tiles
        self._network = TFLiteNetwork(
            'face_detection/face_detection_full_range_sparse.tflite', folder=folder
        )
        self._mesh = FaceMesh(folder=folder)
        y, x = np.mgrid[:_GRID, :_GRID]
        self._anchors = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) / _GRID

    def __call__(
        self, image: ImageArray, *, squares: Sequence[Square] | None = None
    ) -> list[DetectedFace]:
        """All faces, from left to right, in the whole image or in some squares of it."""
        squares = self._everywhere(image) if squares is None else squares
        faces = [face for square in squares for face in self._look(image, *square)]
        chosen: list[DetectedFace] = []
        for face in sorted(faces, key=lambda face: -face.score):
            apart = all(_overlap(face.box, other.box) <= self.max_overlap for other in chosen)
            if apart and (face.score >= self.sure or self._seen_by_mesh(image, face)):
                chosen.append(face)
        return sorted(chosen, key=lambda face: face.center[0])

    def _everywhere(self, image: ImageArray) -> list[Square]:
        """The whole image and its tiles."""
        height, width = image.shape[:2]
        squares = [(width / 2, height / 2, float(max(height, width)))]
        side = _TILE * min(height, width)
        if self.tiles and side >= _SMALLEST_TILE:
            squares += [(x, y, side) for y in _middles(height, side) for x in _middles(width, side)]
        return squares

    def _seen_by_mesh(self, image: ImageArray, face: DetectedFace) -> bool:
        """Whether an unsure face is one."""
        return self._mesh(image, face)[1] >= self.presence

    def _look(self, image: ImageArray, x: float, y: float, side: float) -> list[DetectedFace]:
        """All faces in a square with a middle and a side."""
        square, _ = cut_square(image, center=(x, y), side=side, size=_SIZE)
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
        return [DetectedFace(box, six, float(score)) for box, six, score in rows]


def _middles(length: int, side: float) -> list[float]:
    """Middles of squares that cover a length and overlap by at least a quarter."""
    if side >= length:
        return [length / 2]
    count = int(np.ceil((length - side) / (0.75 * side))) + 1
    return [float(x) for x in np.linspace(side / 2, length - side / 2, count)]


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """What two boxes share, over the area of the smaller one."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    areas = [float(np.prod(box[2:] - box[:2])) for box in (one, other)]
    return float(np.prod(sides.clip(0))) / max(min(areas), 1e-6)


class FaceMesh:
    """468 points of a face, and how sure MediaPipe's face mesh is to see one.

    Args:
        folder: Where MediaPipe's ``modules`` are; None looks into the installed wheel.
    """

    def __init__(self, *, folder: str | None = None) -> None:
        self._network = TFLiteNetwork('face_landmark/face_landmark.tflite', folder=folder)

    def __call__(self, image: ImageArray, face: DetectedFace) -> tuple[NDArray[np.float32], float]:
        """Points (468, 2) in pixels of the network's input, turned upright; presence 0 to 1."""
        right, left = face.points[0], face.points[1]
        angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
        square, _ = cut_square(
            image, center=face.center, side=1.5 * face.width, size=_SIZE, angle=angle
        )
        mesh, presence = self._network(square / 255)
        return mesh.reshape(468, 3)[:, :2], float(sigmoid(presence).item())


class MouthOpeningEstimator:
    """How far mouths are open, by the 468 points of MediaPipe's face mesh.

    Args:
        folder: Where MediaPipe's ``modules`` are; None looks into the installed wheel.
    """

    def __init__(self, *, folder: str | None = None) -> None:
        self._mesh = FaceMesh(folder=folder)

    def __call__(self, image: ImageArray, face: DetectedFace) -> float | None:
        """Opening of the inner lips over the distance of the eyes; None if it sees no face."""
        points, presence = self._mesh(image, face)
        if presence < 0.5:
            return None
        eyes = np.linalg.norm(points[_EYES[0]] - points[_EYES[1]])
        opening = [np.linalg.norm(points[above] - points[below]) for above, below in _LIPS]
        return float(np.mean(opening) / max(eyes, 1e-6))
