"""Anti-aliased drawing of figures made of polygons, with the silhouette of each figure.

Local units: a figure is drawn around its own origin, y down, with one unit being its own size
(the head of a person, the width of a car). A 2 x 3 matrix maps local units to pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
RGB: TypeAlias = tuple[int, int, int]

SHIFT = 4  # cv2 takes points in sixteenths of a pixel
_UNIT = 1 << SHIFT
_FAR = float(1 << 24)


@dataclass
class Shape:
    """One filled polygon, or one line when ``width`` is given (local units).

    ``solid`` shapes are part of the silhouette of the figure; the others are inside it or, like a
    glass pane or a puff of smoke, not part of it.
    """

    points: Array  # (P, 2)
    color: RGB
    width: float | None = None
    solid: bool = True


@dataclass
class Figure:
    """Shapes from back to front that move together; their points are in one array."""

    shapes: list[Shape]
    points: Array = field(init=False)  # (sum of P, 2)
    ends: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.points = np.concatenate([shape.points for shape in self.shapes])
        self.ends = np.cumsum([len(shape.points) for shape in self.shapes]).tolist()


class Canvas:
    """An RGB image and, per pixel, the id of the visible figure (0: background).

    Args:
        image: Shape (H, W, 3), uint8; drawn into in place.
    """

    def __init__(self, image: Array) -> None:
        self.image = image
        self.owner = np.zeros(image.shape[:2], np.uint8)
        self._silhouette = np.zeros(image.shape[:2], np.uint8)

    def draw(self, figure: Figure, matrix: Array) -> None:
        """Draw all shapes of a figure; ``matrix`` (2, 3) maps local units to pixels."""
        pixels = _to_pixels(figure.points, matrix)
        scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        start = 0
        for shape, end in zip(figure.shapes, figure.ends, strict=True):
            self._draw(pixels[start:end], shape, scale)
            start = end

    def draw_shape(self, shape: Shape, matrix: Array) -> None:
        """Draw a single shape (the moving parts of a figure)."""
        scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        self._draw(_to_pixels(shape.points, matrix), shape, scale)

    def _draw(self, pixels: Array, shape: Shape, scale: float) -> None:
        if shape.width is None:
            cv2.fillPoly(self.image, [pixels], shape.color, cv2.LINE_AA, SHIFT)
            if shape.solid:
                cv2.fillPoly(self._silhouette, [pixels], 255, cv2.LINE_8, SHIFT)
            return
        thickness = max(1, round(shape.width * scale))
        cv2.polylines(self.image, [pixels], False, shape.color, thickness, cv2.LINE_AA, SHIFT)
        if shape.solid:
            cv2.polylines(self._silhouette, [pixels], False, 255, thickness, cv2.LINE_8, SHIFT)

    def finish(self, owner: int) -> None:
        """Finish a figure: assign the pixels of its silhouette to ``owner``."""
        np.copyto(self.owner, owner, where=self._silhouette > 0)
        self._silhouette[:] = 0


def affine(x: float, y: float, scale: float, angle: float = 0.0, flip: bool = False) -> Array:
    """Matrix (2, 3): scale, rotate by ``angle`` (radians, clockwise on screen), translate."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    side = -1.0 if flip else 1.0
    return np.array([[side * cos, -sin, x], [side * sin, cos, y]])


def compose(outer: Array, inner: Array) -> Array:
    """Matrix (2, 3) that applies first ``inner``, then ``outer``."""
    linear = outer[:, :2] @ inner[:, :2]
    shift = outer[:, :2] @ inner[:, 2] + outer[:, 2]
    return np.column_stack([linear, shift])


def ellipse(x: float, y: float, rx: float, ry: float, count: int = 24) -> Array:
    """Points (count, 2) of an ellipse."""
    points: Array = _circle(count) * (rx, ry)
    points += (x, y)
    return points


@lru_cache(maxsize=32)
def _circle(count: int) -> Array:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Array:
    """Points (12, 2) of an elliptic arc, angles in turns, clockwise from the right."""
    angles = 2 * np.pi * np.linspace(start, end, 12)
    return np.column_stack([x + rx * np.cos(angles), y + ry * np.sin(angles)])


def box(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> Array:
    """Points of a rectangle, with rounded corners if ``radius`` is positive."""
    if radius <= 0:
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
    corners = [
        (right - radius, bottom - radius, 0.0),
        (left + radius, bottom - radius, 0.25),
        (left + radius, top + radius, 0.5),
        (right - radius, top + radius, 0.75),
    ]
    return np.concatenate([arc(x, y, radius, radius, a, a + 0.25)[::3] for x, y, a in corners])


def smooth(points: Sequence[tuple[float, float]], rounds: int = 2) -> Array:
    """Round the corners of a closed polygon by cutting them (Chaikin); (P * 2**rounds, 2)."""
    curve = np.asarray(points, float)
    for _ in range(rounds):
        following = np.roll(curve, -1, axis=0)
        near, far = 0.75 * curve + 0.25 * following, 0.25 * curve + 0.75 * following
        curve = np.stack([near, far], axis=1).reshape(-1, 2)
    return curve


def shade(color: RGB, factor: float) -> RGB:
    """A darker (< 1) or lighter (> 1) color."""
    r, g, b = (int(min(255, max(0, value * factor))) for value in color)
    return r, g, b


def _to_pixels(points: Array, matrix: Array) -> Array:
    pixels = points @ matrix[:, :2].T
    pixels += matrix[:, 2]
    pixels *= _UNIT
    # cv2 overflows on points far outside, which zoomed cameras can produce.
    np.minimum(np.maximum(pixels, -_FAR, out=pixels), _FAR, out=pixels)
    return np.rint(pixels, out=pixels).astype(np.int32)
