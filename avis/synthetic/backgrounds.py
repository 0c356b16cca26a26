"""Backgrounds: rooms, stages, streets and parks, drawn once per shot and then only warped.

A background covers the world from ``-MARGIN`` to ``1 + MARGIN`` frame heights, so that a moving
camera stays inside it. The unit is the frame height.
"""

from functools import lru_cache

import cv2
import numpy as np

from avis.synthetic.canvas import (
    RGB,
    Array,
    Canvas,
    Shape,
    affine,
    arc,
    box,
    ellipse,
    shade,
)
from avis.synthetic.cast import hue_color

MARGIN = 0.35
BACKGROUNDS = ('room', 'stage', 'street', 'park')


@lru_cache(maxsize=16)
def draw_background(style: str, seed: int, height: int, aspect: float) -> tuple[Array, Array]:
    """Draw a background.

    Args:
        style: One of ``BACKGROUNDS``.
        seed: Determines colors and furniture.
        height: Pixels of one frame height.
        aspect: Frame width over frame height.

    Returns:
        The image (H', W', 3) and the matrix (2, 3) from world units to its pixels.
    """
    rng = np.random.default_rng([4409, seed])
    rows, cols = round((1 + 2 * MARGIN) * height), round((aspect + 2 * MARGIN) * height)
    matrix = affine(MARGIN * height, MARGIN * height, height)
    hue = float(rng.random())
    draw = {'room': _room, 'stage': _stage, 'street': _street, 'park': _park}[style]
    shapes, top, bottom = draw(rng, hue, aspect)
    ramp = np.linspace(0, 1, rows)[:, None, None]
    image = np.rint((1 - ramp) * np.array(top) + ramp * np.array(bottom)).astype(np.uint8)
    image = np.ascontiguousarray(np.broadcast_to(image, (rows, cols, 3)))
    canvas = Canvas(image)
    for shape in shapes:
        canvas.draw_shape(shape, matrix)
    # Slightly out of focus: the figures in front stay sharp.
    soft = cv2.GaussianBlur(image, (0, 0), max(0.5, height / 300))
    soft.flags.writeable = False
    return soft, matrix


def _room(rng: np.random.Generator, hue: float, aspect: float) -> tuple[list[Shape], RGB, RGB]:
    wall = hue_color(hue, 0.18, 0.88)
    floor_y, left, right = 0.82, -MARGIN, aspect + MARGIN
    shapes = [Shape(box(left, floor_y, right, 1 + MARGIN), hue_color(0.08, 0.42, 0.55))]
    shapes.append(Shape(box(left, floor_y - 0.02, right, floor_y), shade(wall, 0.8)))
    x = float(rng.uniform(-0.2, 0.3))
    shapes += _window(x, 0.1, 0.34, 0.4)
    for _ in range(3):  # paintings on the wall
        x, y = rng.uniform(0.3, aspect), rng.uniform(0.02, 0.3)
        w, h = rng.uniform(0.1, 0.2, 2)
        shapes.append(Shape(box(x, y, x + w, y + h), shade(wall, 0.5)))
        inner = hue_color(float(rng.random()), 0.4, 0.75)
        shapes.append(Shape(box(x + 0.012, y + 0.012, x + w - 0.012, y + h - 0.012), inner))
    x = float(rng.uniform(0, aspect))
    shapes.append(Shape(box(x, 0.62, x + 0.45, 0.9, 0.03), hue_color(hue + 0.4, 0.35, 0.5)))
    return shapes, shade(wall, 1.08), shade(wall, 0.85)


def _window(x: float, y: float, w: float, h: float) -> list[Shape]:
    frame = (244, 242, 236)
    return [
        Shape(box(x, y, x + w, y + h), frame),
        Shape(box(x + 0.02, y + 0.02, x + w - 0.02, y + h - 0.02), (172, 208, 236)),
        Shape(ellipse(x + 0.6 * w, y + h - 0.03, 0.3 * w, 0.08), (120, 166, 116)),
        Shape(np.array([[x + w / 2, y], [x + w / 2, y + h]]), frame, 0.02),
        Shape(np.array([[x, y + h / 2], [x + w, y + h / 2]]), frame, 0.02),
    ]


def _stage(rng: np.random.Generator, hue: float, aspect: float) -> tuple[list[Shape], RGB, RGB]:
    cloth = hue_color(hue, 0.65, 0.42)
    left, right = -MARGIN, aspect + MARGIN
    shapes = []
    width = float(rng.uniform(0.09, 0.14))
    for i, x in enumerate(np.arange(left, right, width)):  # curtain folds
        tone = shade(cloth, 1.15 if i % 2 else 0.8)
        shapes.append(Shape(box(x, -MARGIN, x + width, 1.0), tone))
    for x in rng.uniform(0, aspect, 2):
        beam = np.array([[x, -MARGIN], [x + 0.06, -MARGIN], [x + 0.35, 1.0], [x - 0.3, 1.0]])
        shapes.append(Shape(beam, shade(cloth, 1.5)))
    shapes.append(Shape(box(left, 0.84, right, 1 + MARGIN), (116, 78, 50)))
    planks = [np.array([[left, y], [right, y]]) for y in (0.9, 0.98, 1.1)]
    shapes += [Shape(plank, (92, 60, 40), 0.008) for plank in planks]
    return shapes, cloth, shade(cloth, 0.7)


def _street(rng: np.random.Generator, hue: float, aspect: float) -> tuple[list[Shape], RGB, RGB]:
    left, right = -MARGIN, aspect + MARGIN
    shapes = []
    x = left
    while x < right:
        width, roof = float(rng.uniform(0.25, 0.45)), float(rng.uniform(-0.2, 0.25))
        front = hue_color(hue + float(rng.uniform(0, 0.25)), 0.3, float(rng.uniform(0.55, 0.8)))
        shapes.append(Shape(box(x, roof, x + width, 0.8), front))
        for wx in np.arange(x + 0.04, x + width - 0.06, 0.1):
            for wy in np.arange(roof + 0.06, 0.62, 0.15):
                tone = (236, 220, 160) if rng.random() < 0.3 else shade(front, 0.6)
                shapes.append(Shape(box(wx, wy, wx + 0.05, wy + 0.08), tone))
        x += width
    shapes.append(Shape(box(left, 0.78, right, 0.86), (170, 168, 164)))
    shapes.append(Shape(box(left, 0.86, right, 1 + MARGIN), (92, 94, 100)))
    dashes = [box(x, 0.95, x + 0.16, 0.97) for x in np.arange(left, right, 0.3)]
    shapes += [Shape(dash, (226, 224, 214)) for dash in dashes]
    return shapes, (150, 190, 226), (214, 226, 232)


def _park(rng: np.random.Generator, hue: float, aspect: float) -> tuple[list[Shape], RGB, RGB]:
    left, right = -MARGIN, aspect + MARGIN
    grass = hue_color(0.26 + 0.08 * hue, 0.5, 0.62)
    shapes = []
    for _ in range(3):
        x, y = rng.uniform(left, right), rng.uniform(-0.1, 0.2)
        puffs = [ellipse(x + dx, y - abs(dx) / 4, 0.1, 0.05) for dx in (-0.08, 0.0, 0.08)]
        shapes += [Shape(puff, (244, 247, 250)) for puff in puffs]
    hill = arc(float(rng.uniform(0, aspect)), 0.9, 0.9, 0.45, 0.5, 1.0)
    shapes.append(Shape(hill, shade(grass, 0.82)))
    for x in rng.uniform(left, right, 4):
        base, size = rng.uniform(0.66, 0.76), rng.uniform(0.12, 0.2)
        shapes.append(Shape(box(x - 0.02, base - 0.15, x + 0.02, base + 0.04), (100, 72, 50)))
        shapes.append(Shape(ellipse(x, base - 0.15 - size / 2, size, size), shade(grass, 0.66)))
        shapes.append(
            Shape(
                ellipse(x - 0.03, base - 0.2 - size / 2, size * 0.6, size * 0.6), shade(grass, 0.78)
            )
        )
    shapes.append(Shape(box(left, 0.72, right, 1 + MARGIN), grass))
    path = np.array([[0.3, 0.72], [0.4, 0.72], [0.9, 1 + MARGIN], [-0.1, 1 + MARGIN]])
    shapes.append(Shape(path * [aspect, 1], (206, 190, 158)))
    return shapes, (128, 182, 232), (206, 230, 240)
