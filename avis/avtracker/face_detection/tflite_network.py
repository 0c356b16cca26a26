"""MediaPipe's networks without MediaPipe: the files of its wheel, run by LiteRT."""

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.loading import require

# MediaPipe 1.x contains no networks; 0.10.21 requires NumPy 1, which its files do not need.
INSTALL = "pip install 'avis[offline]' && pip install --no-deps mediapipe==0.10.21"

_THREADS = 1  # the networks are small; runs use one process per core


class TFLiteNetwork:
    """One network of MediaPipe, on the CPU.

    Args:
        file: Path in ``modules``, such as ``face_landmark/face_landmark.tflite``.
        folder: Folder of MediaPipe's ``modules``; None uses the installed wheel.
    """

    def __init__(self, file: str, *, folder: str | None = None) -> None:
        litert = require('ai_edge_litert.interpreter', by=file, install=INSTALL)
        path = (Path(folder) if folder else _installed_modules()) / file
        if not path.exists():
            raise FileNotFoundError(f'{path} does not exist. Install the networks: {INSTALL}')
        self._interpreter: Any = litert.Interpreter(str(path), num_threads=_THREADS)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]['index']
        self._outputs = [out['index'] for out in self._interpreter.get_output_details()]

    def __call__(self, image: NDArray[np.floating[Any]]) -> list[NDArray[np.float32]]:
        """Outputs for one image (H, W, 3), without the batch axis."""
        self._interpreter.set_tensor(self._input, image[None].astype(np.float32))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index)[0] for index in self._outputs]


def _installed_modules() -> Path:
    """The folder of MediaPipe's networks; the package is located, not imported."""
    spec = importlib.util.find_spec('mediapipe')
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f'the networks of mediapipe are not installed. Install them: {INSTALL}')
    return Path(spec.submodule_search_locations[0]) / 'modules'


def sigmoid(values: NDArray[Any]) -> NDArray[Any]:
    """Convert logits to probabilities, without overflow."""
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))


def crop_square(
    image: NDArray[np.uint8],
    *,
    center: tuple[float, float],
    side: float,
    size: int,
    angle: float = 0.0,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Crop a rotated square and resize it; pixels outside the image are black.

    Args:
        image: (H, W, 3).
        center: x and y in pixels.
        side: Side of the square in pixels.
        size: Side of the crop in pixels.
        angle: Rotation of the square in radians, clockwise in the image.

    Returns:
        The upright crop (size, size, 3), and the affine map (2, 3) from the image to the crop.
    """
    scale = size / side
    corner = (0, 0)
    if scale < 0.5:  # warpAffine samples single pixels: blur first, against aliasing
        image, corner = _crop_around(image, center=center, reach=0.75 * side + 2 / scale)
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    rotation = np.array([[cos, sin], [-sin, cos]])
    shift = np.full(2, size / 2) - rotation @ np.asarray(center)
    matrix = np.column_stack([rotation, shift])
    from_corner = np.column_stack([rotation, shift + rotation @ corner])
    square = cv2.warpAffine(image, from_corner, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(square, np.uint8), matrix


def _crop_around(
    image: NDArray[np.uint8], *, center: tuple[float, float], reach: float
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The part of an image within reach of a point, at least one pixel; its corner x, y."""
    ranges = []
    for position, length in zip(center, image.shape[1::-1], strict=True):
        start = int(np.clip(position - reach, 0, length - 1))
        ranges.append((start, int(np.clip(position + reach + 1, start + 1, length))))
    (left, right), (top, bottom) = ranges
    return image[top:bottom, left:right], (left, top)
