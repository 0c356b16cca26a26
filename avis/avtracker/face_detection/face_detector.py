"""Faces, face landmarks and mouth opening, with BlazeFace and the face mesh of MediaPipe."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.face_detection.tflite_network import TFLiteNetwork, crop_square, sigmoid
from avis.structures.media import ImageArray

_SIZE = 192  # input size of both networks
_GRID = 48  # one anchor per cell of 4 pixels
_TILE = 0.6  # side of a tile over the shorter side of the image
_MIN_TILE = 32  # pixels: smaller tiles show no face, and a narrow image would have thousands
_MAX_OVERLAP = 0.5  # of two faces, over the smaller one: two faces may touch, a part of one may not
_MIN_MESH_PRESENCE = 0.5  # from which the landmarks of the lips are used
# Landmarks of the face mesh: upper and lower inner lip at three positions; outer eye corners.
_LIPS = ((13, 14), (82, 87), (312, 317))
_EYES = (33, 263)

Square = tuple[float, float, float]
"""Center x and y, and side, in pixels."""


@dataclass(frozen=True)
class DetectedFace:
    """A face in an image.

    Args:
        box: x1 y1 x2 y2 in pixels.
        points: (6, 2): right eye, left eye, nose, mouth, right ear, left ear; right is the right
            side of the person.
        score: 0 to 1.
    """

    box: NDArray[np.float64]
    points: NDArray[np.float64]
    score: float

    @property
    def width(self) -> float:
        """Width of the box in pixels."""
        return float(self.box[2] - self.box[0])

    @property
    def center(self) -> tuple[float, float]:
        """Center of the box in pixels, x and y."""
        return float(self.box[0] + self.box[2]) / 2, float(self.box[1] + self.box[3]) / 2


class FaceDetector:
    """BlazeFace, full range: detects faces from about 5 % of the image's longer side on.

    It sometimes detects a chest or a wheel. Faces that score below ``confident_score`` are kept
    only if the face mesh detects a face there too, with a low threshold, because half-hidden faces
    get a low presence.

    Args:
        threshold: Minimum score.
        confident_score: Score from which a face is not checked by the face mesh.
        min_presence: Minimum presence of a checked face according to the face mesh, 0 to 1.
        tiles: Search overlapping tiles of 60 % of the shorter side too, for small faces.
        folder: Folder of MediaPipe's ``modules``; None uses the installed wheel.
    """

    def __init__(
        self,
        *,
        threshold: float = 0.4,
        confident_score: float = 0.75,
        min_presence: float = 0.1,
        tiles: bool = False,
        folder: str | None = None,
    ) -> None:
        self.threshold, self.tiles = threshold, tiles
        self.confident_score, self.min_presence = confident_score, min_presence
        self._network = TFLiteNetwork(
            'face_detection/face_detection_full_range_sparse.tflite', folder=folder
        )
        self._mesh = FaceMesh(folder=folder)
        y, x = np.mgrid[:_GRID, :_GRID]
        self._anchors = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) / _GRID

    def __call__(
        self, image: ImageArray, *, squares: Sequence[Square] | None = None
    ) -> list[DetectedFace]:
        """Detect faces.

        Args:
            image: The image.
            squares: Squares to search; None searches the whole image and its tiles.

        Returns:
            The faces from left to right.
        """
        squares = self._whole_and_tiles(image) if squares is None else squares
        faces = [face for square in squares for face in self._detect_in_square(image, *square)]
        kept: list[DetectedFace] = []
        for face in sorted(faces, key=lambda face: -face.score):
            new = all(_overlap(face.box, other.box) <= _MAX_OVERLAP for other in kept)
            if new and (face.score >= self.confident_score or self._has_mesh(image, face)):
                kept.append(face)
        return sorted(kept, key=lambda face: face.center[0])

    def _whole_and_tiles(self, image: ImageArray) -> list[Square]:
        """Squares of the whole image and of its tiles."""
        height, width = image.shape[:2]
        squares = [(width / 2, height / 2, float(max(height, width)))]
        side = _TILE * min(height, width)
        if self.tiles and side >= _MIN_TILE:
            squares += [
                (x, y, side)
                for y in _tile_centers(height, side)
                for x in _tile_centers(width, side)
            ]
        return squares

    def _has_mesh(self, image: ImageArray, face: DetectedFace) -> bool:
        """Whether the face mesh detects a face too."""
        return self._mesh(image, face)[1] >= self.min_presence

    def _detect_in_square(
        self, image: ImageArray, x: float, y: float, side: float
    ) -> list[DetectedFace]:
        """All faces in the square with center x, y and a side."""
        square, _ = crop_square(image, center=(x, y), side=side, size=_SIZE)
        values, logits = self._network(square / 127.5 - 1)
        scores = sigmoid(logits[:, 0])
        keep = np.flatnonzero(scores > self.threshold)
        # Center, size and six points, as distances from the anchor in pixels of the input.
        points = values[keep].reshape(len(keep), 8, 2) / _SIZE
        points[:, np.r_[0, 2:8]] += self._anchors[keep, None]
        points *= side
        corner, half = np.array([x, y]) - side / 2, points[:, 1] / 2
        boxes = np.concatenate([points[:, 0] - half, points[:, 0] + half], axis=1)
        boxes += np.tile(corner, 2)
        points = points[:, 2:] + corner
        rows = zip(boxes, points, scores[keep], strict=True)
        return [DetectedFace(box, six, float(score)) for box, six, score in rows]


def _tile_centers(length: int, side: float) -> list[float]:
    """Centers of squares that cover a length and overlap by at least a quarter."""
    if side >= length:
        return [length / 2]
    count = int(np.ceil((length - side) / (0.75 * side))) + 1
    return [float(x) for x in np.linspace(side / 2, length - side / 2, count)]


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Intersection of two boxes over the area of the smaller one."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    areas = [float(np.prod(box[2:] - box[:2])) for box in (one, other)]
    return float(np.prod(sides.clip(0))) / max(min(areas), 1e-6)


class FaceMesh:
    """MediaPipe's face mesh: 468 landmarks of a face, and the presence of a face.

    Args:
        folder: Folder of MediaPipe's ``modules``; None uses the installed wheel.
    """

    def __init__(self, *, folder: str | None = None) -> None:
        self._network = TFLiteNetwork('face_landmark/face_landmark.tflite', folder=folder)

    def __call__(self, image: ImageArray, face: DetectedFace) -> tuple[NDArray[np.float32], float]:
        """Landmarks (468, 2) in pixels of the upright network input, and the presence 0 to 1."""
        right, left = face.points[0], face.points[1]
        angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
        square, _ = crop_square(
            image, center=face.center, side=1.5 * face.width, size=_SIZE, angle=angle
        )
        mesh, presence = self._network(square / 255)
        return mesh.reshape(468, 3)[:, :2], float(sigmoid(presence).item())


class MouthOpeningEstimator:
    """Measures how far a mouth is open with MediaPipe's face mesh.

    Args:
        folder: Folder of MediaPipe's ``modules``; None uses the installed wheel.
    """

    def __init__(self, *, folder: str | None = None) -> None:
        self._mesh = FaceMesh(folder=folder)

    def __call__(self, image: ImageArray, face: DetectedFace) -> float | None:
        """Opening of the inner lips over the distance of the eyes; None without a face."""
        points, presence = self._mesh(image, face)
        if presence < _MIN_MESH_PRESENCE:
            return None
        eyes = np.linalg.norm(points[_EYES[0]] - points[_EYES[1]])
        opening = [np.linalg.norm(points[upper] - points[lower]) for upper, lower in _LIPS]
        return float(np.mean(opening) / max(eyes, 1e-6))
