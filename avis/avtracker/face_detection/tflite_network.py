"""MediaPipe's networks without MediaPipe: its wheel holds the files, LiteRT runs them."""

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.loading import require

# MediaPipe 1.x holds no networks; 0.10.21 wants NumPy 1, which its files do not need.
INSTALL = "pip install 'avis[offline]' && pip install --no-deps mediapipe==0.10.21"


class TFLiteNetwork:
    """One network of MediaPipe, on the CPU.

    Args:
        file: Such as ``face_landmark/face_landmark.tflite``.
        folder: Where MediaPipe's ``modules`` are; None looks into the installed wheel.
        threads: Of the interpreter.
    """

    def __init__(self, file: str, *, folder: str | None = None, threads: int = 1) -> None:
        litert = require('ai_edge_litert.interpreter', by=file, install=INSTALL)
        path = (Path(folder) if folder else _installed_modules()) / file
        if not path.exists():
            raise FileNotFoundError(f'{path} does not exist. Networks come with: {INSTALL}')
        self._interpreter: Any = litert.Interpreter(str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]['index']
        self._outputs = [out['index'] for out in self._interpreter.get_output_details()]

    def __call__(self, image: NDArray[np.floating[Any]]) -> list[NDArray[np.float32]]:
        """Outputs for one image (H, W, 3), without their batch axis."""
        self._interpreter.set_tensor(self._input, image[None].astype(np.float32))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index)[0] for index in self._outputs]


def _installed_modules() -> Path:
    """MediaPipe's networks; the package is found, not imported."""
    spec = importlib.util.find_spec('mediapipe')
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f'the networks of mediapipe are not installed. Install it: {INSTALL}')
    return Path(spec.submodule_search_locations[0]) / 'modules'


def sigmoid(values: NDArray[Any]) -> NDArray[Any]:
    """Logits to probabilities, without overflow."""
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))


def cut_square(
    image: NDArray[np.uint8],
    *,
    center: tuple[float, float],
    side: float,
    size: int,
    angle: float = 0.0,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A square of a image, turned upright, black outside the image.

    Args:
        image: (H, W, 3).
        center: x and y in pixels.
        side: Of the square in pixels.
        size: Of the result.
        angle: Radians by which the square is turned, clockwise in the image.

    Returns:
        The square, and the affine map (2, 3) from the image to it.
    """
    scale = size / side
    corner = (0, 0)
    if scale < 0.5:  # an affine map takes single pixels: blur, so that none counts for nothing
        image, corner = _surroundings(image, center=center, reach=0.75 * side + 2 / scale)
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    shift = np.full(2, size / 2) - turn @ np.asarray(center)
    matrix = np.column_stack([turn, shift])
    cut = np.column_stack([turn, shift + turn @ corner])
    square = cv2.warpAffine(image, cut, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(square, np.uint8), matrix


def _surroundings(
    image: NDArray[np.uint8], *, center: tuple[float, float], reach: float
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The part of a image that is near a point, at least one pixel of it; its corner x, y."""
    places = []
    for middle, length in zip(center, image.shape[1::-1], strict=True):
        start = int(np.clip(middle - reach, 0, length - 1))
        places.append((start, int(np.clip(middle + reach + 1, start + 1, length))))
    (left, right), (top, bottom) = places
    return image[top:bottom, left:right], (left, top)
