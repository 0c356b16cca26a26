"""MediaPipe's networks without MediaPipe: the files of its wheel, run by LiteRT."""

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.utils.optional import require

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
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    rotation = np.array([[cos, sin], [-sin, cos]])
    shift = np.full(2, size / 2) - rotation @ np.asarray(center)
    matrix = np.column_stack([rotation, shift])
    from_image = matrix
    if scale < 0.5:  # warpAffine samples single pixels: reduce first, against aliasing
        reach = (abs(cos) + abs(sin)) / scale * side / 2 + 2 / scale
        factor = 2 ** int(np.log2(1 / scale))
        image, corner, pixel = _reduce_around(image, center=center, reach=reach, factor=factor)
        first = corner + (pixel - 1) / 2  # center of the first reduced pixel
        from_image = np.column_stack([rotation * pixel, shift + rotation @ first])
    square = cv2.warpAffine(image, from_image, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(square, np.uint8), matrix


def _reduce_around(
    image: NDArray[np.uint8], *, center: tuple[float, float], reach: float, factor: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]]:
    """The part of an image within reach of a point, reduced.

    Returns:
        The reduced part, at least one pixel; its corner in the image, and the size of its pixels in
        pixels of the image, each as x, y.
    """
    ranges = []
    for position, length in zip(center, image.shape[1::-1], strict=True):
        # Multiples of the factor, for which reducing is several times faster.
        first = int(np.clip(position - reach, 0, length - 1)) // factor * factor
        stop = -int(-(position + reach + 1) // factor) * factor
        ranges.append((first, int(np.clip(stop, first + 1, length))))
    (left, right), (top, bottom) = ranges
    size = (max((right - left) // factor, 1), max((bottom - top) // factor, 1))
    part = cv2.resize(image[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    pixel = np.array([right - left, bottom - top]) / size
    # One pixel more on each side, so that pixels at the edge of the image do not get darker.
    part = cv2.copyMakeBorder(part, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    return np.asarray(part, np.uint8), np.array([left, top]) - pixel, pixel
