"""Detectors of faces for face tracks, all with the method ``detect``.

Each component is built without work: networks are opened by the first image.
"""

from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.face_detection.face_detector import FaceDetector, Square
from avis.avtracker.loading import loading_weights
from avis.registry import MODELS
from avis.structures.media import ImageArray
from avis.utils.optional import require

FaceBoxes = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Boxes (N, 4), x1 y1 x2 y2 in pixels, and scores (N,), 0 to 1."""

_SEARCHED = 3.5  # sides of a face: side of the square in which it is searched a moment later


class FaceBoxDetector(Protocol):
    """Detects faces in an image; `BlazeFace`, `DlibFaces`, `YuNet`."""

    def detect(self, image: ImageArray, *, near: NDArray[np.float64] | None = None) -> FaceBoxes:
        """Boxes and scores of the faces of an image.

        Args:
            image: RGB (H, W, 3).
            near: Boxes (N, 4) of faces in an earlier image: only faces near to them are needed,
                which a detector may use to save time. None for all faces.
        """


@MODELS.register_module()
class BlazeFace:
    """MediaPipe's detector; see :class:`~avis.avtracker.face_detection.face_detector.FaceDetector`.

    Args:
        tiles: Search overlapping tiles of the image too: faces of less than 5 % of the longer side
            are found, and it takes about ten times as long.
        folder: Folder of MediaPipe's ``modules``; None uses the installed wheel.
    """

    not_in_cache_key = ('folder',)

    def __init__(self, *, tiles: bool = True, folder: str | None = None) -> None:
        self.tiles, self.folder = tiles, folder

    def detect(self, image: ImageArray, *, near: NDArray[np.float64] | None = None) -> FaceBoxes:
        """See :class:`FaceBoxDetector`."""
        squares = None if near is None else [square_around(box) for box in near]
        faces = self._detector(image, squares=squares)
        return _face_boxes([[*face.box, face.score] for face in faces])

    @cached_property
    def _detector(self) -> FaceDetector:
        return FaceDetector(tiles=self.tiles, folder=self.folder)


@MODELS.register_module()
class DlibFaces:
    """dlib's detector of frontal faces: histograms of gradients, no network, from 80 pixels on.

    Args:
        upsample: How often the image is doubled before; each time it finds faces of half the size
            and takes four times as long.
    """

    def __init__(self, *, upsample: int = 0) -> None:
        self.upsample = upsample

    def detect(self, image: ImageArray, *, near: NDArray[np.float64] | None = None) -> FaceBoxes:
        """See :class:`FaceBoxDetector`."""
        found, scores, _ = self._detector.run(np.ascontiguousarray(image), self.upsample, 0.0)
        # Scores are distances from the decision, above 0.
        return _face_boxes(
            [
                [r.left(), r.top(), r.right() + 1, r.bottom() + 1, 1 - np.exp(-score)]
                for r, score in zip(found, scores, strict=True)
            ]
        )

    @cached_property
    def _detector(self) -> Any:
        dlib = require('dlib', by='DlibFaces', install="pip install 'avis[offline]'")
        return dlib.get_frontal_face_detector()


@MODELS.register_module()
class YuNet:
    """YuNet of OpenCV's model zoo, whose weights are not included in any package.

    Args:
        weights: Path of ``face_detection_yunet_2023mar.onnx``.
        min_score: Minimum score.
        max_side: Longer side in pixels to which larger images are reduced.
    """

    def __init__(self, *, weights: str, min_score: float = 0.7, max_side: int = 960) -> None:
        self.weights, self.min_score, self.max_side = weights, min_score, max_side

    def detect(self, image: ImageArray, *, near: NDArray[np.float64] | None = None) -> FaceBoxes:
        """See :class:`FaceBoxDetector`."""
        height, width = image.shape[:2]
        scale = min(self.max_side / max(height, width), 1.0)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        reduced = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA) if scale < 1 else bgr
        self._detector.setInputSize(size)
        _, found = self._detector.detect(reduced)
        rows = np.zeros((0, 15)) if found is None else np.asarray(found, np.float64)
        boxes = rows[:, :4] / scale
        boxes[:, 2:] += boxes[:, :2]
        return boxes, rows[:, 14]

    @cached_property
    def _detector(self) -> Any:
        with loading_weights(self.weights, by='YuNet'):
            if not Path(self.weights).is_file():
                raise FileNotFoundError(f'{self.weights} does not exist')
            return cv2.FaceDetectorYN.create(self.weights, '', (320, 320), self.min_score)


def square_around(box: NDArray[np.float64]) -> Square:
    """A square in which a face is searched that was in a box shortly before."""
    x1, y1, x2, y2 = (float(value) for value in box)
    return (x1 + x2) / 2, (y1 + y2) / 2, _SEARCHED * max(x2 - x1, y2 - y1)


def _face_boxes(rows: list[list[float]]) -> FaceBoxes:
    """Boxes and scores of rows of five numbers."""
    table = np.array(rows, np.float64).reshape(-1, 5)
    return table[:, :4], table[:, 4]
