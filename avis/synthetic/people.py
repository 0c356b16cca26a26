"""Persons: head, hair, face, clothes; a mouth that opens with the speech.

Local units: the head is one unit high and centered on the origin, y down; the shoulders are near
y = 0.8 and the feet near y = 6.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from avis.synthetic import canvas as cv
from avis.synthetic.canvas import RGB, Array, Canvas, Figure, Shape, shade
from avis.synthetic.cast import Appearance

_WHITE = (250, 248, 245)
_DARK = (38, 26, 28)
_LIPS = (178, 74, 78)
_TONGUE = (205, 96, 100)


@dataclass(frozen=True)
class Pose:
    """One moment of a figure; lengths in pixels, angles in radians.

    ``opening`` (0..1) is that of the mouth or the strength of an object's motion, ``rounding``
    (0..1) that of the lips or the phase of a stroke.
    """

    x: float
    y: float
    scale: float
    opening: float = 0.0
    rounding: float = 0.0
    tilt: float = 0.0
    turn: float = 0.0  # -1..1, face to the left or right
    blink: float = 0.0  # 1: eyes closed
    smile: float = 0.2
    brow: float = 0.0
    phase: float = 0.0


def draw_person(canvas: Canvas, appearance: Appearance, pose: Pose) -> None:
    """Draw one person from back to front."""
    body = cv.affine(pose.x, pose.y, pose.scale)
    head = cv.compose(body, cv.affine(0.0, 0.0, 1.0, pose.tilt))
    behind, torso, skull, front = _person_parts(appearance)
    if behind is not None:
        canvas.draw(behind, head)
    canvas.draw(torso, body)
    canvas.draw(skull, head)
    shift = 0.1 * pose.turn
    face = cv.compose(head, cv.affine(shift, 0.0, 1.0))
    canvas.draw(Figure(_face(appearance, pose)), face)
    if front is not None:
        canvas.draw(front, cv.compose(head, cv.affine(0.3 * shift, 0.0, 1.0)))
    if appearance.glasses:
        for side in (-1, 1):
            rim = cv.ellipse(0.165 * side, -0.04, 0.13, 0.11, 16)
            canvas.draw_shape(Shape(np.vstack([rim, rim[:1]]), (40, 40, 48), 0.02, False), face)
        bridge = np.array([[-0.04, -0.05], [0.04, -0.05]])
        canvas.draw_shape(Shape(bridge, (40, 40, 48), 0.02, False), face)


@lru_cache(maxsize=256)
def _person_parts(appearance: Appearance) -> tuple[Figure | None, Figure, Figure, Figure | None]:
    behind, front = _hair(appearance)
    return (
        Figure(behind) if behind else None,
        Figure(_body(appearance)),
        Figure(_head(appearance)),
        Figure(front) if front else None,
    )


def _body(appearance: Appearance) -> list[Shape]:
    w, skin = appearance.shoulders, appearance.skin
    trousers, shoes = shade(appearance.accent, 0.5), (50, 44, 44)
    shapes = [
        Shape(cv.box(-0.62 * w, 2.7, -0.06, 5.75, 0.1), trousers),
        Shape(cv.box(0.06, 2.7, 0.62 * w, 5.75, 0.1), trousers),
        Shape(cv.ellipse(-0.4 * w, 5.8, 0.36, 0.15), shoes),
        Shape(cv.ellipse(0.4 * w, 5.8, 0.36, 0.15), shoes),
    ]
    for side in (-1, 1):  # arms and hands beside the trunk
        arm = [(0.62, 0.72), (0.96, 0.8), (1.16, 1.9), (1.08, 2.75), (0.86, 2.75), (0.8, 1.7)]
        shapes += [
            Shape(cv.ellipse(side * 0.98 * w, 2.85, 0.15, 0.2), skin),
            Shape(cv.smooth([(side * x * w, y) for x, y in arm]), shade(appearance.main, 0.86)),
        ]
    trunk = [
        (-0.2, 0.58),
        (-0.72, 0.7),
        (-0.98, 0.98),
        (-0.84, 2.0),
        (-0.76, 3.0),
        (0.76, 3.0),
        (0.84, 2.0),
        (0.98, 0.98),
        (0.72, 0.7),
        (0.2, 0.58),
    ]
    shapes.append(Shape(cv.smooth([(x * w, y) for x, y in trunk]), appearance.main))
    shapes += _top(appearance)
    neck = [(-0.17, 0.2), (-0.18, 0.6), (0.0, 0.84), (0.18, 0.6), (0.17, 0.2)]
    shapes.append(Shape(cv.smooth(neck, 1), shade(skin, 0.85)))
    return shapes


def _top(appearance: Appearance) -> list[Shape]:
    w, main, accent = appearance.shoulders, appearance.main, appearance.accent
    if appearance.top == 'stripes':
        return [
            Shape(cv.box(-half * w, y, half * w, y + 0.16), accent)
            for y, half in ((1.0, 0.87), (1.36, 0.86), (1.72, 0.84), (2.08, 0.81), (2.44, 0.79))
        ]
    if appearance.top == 'jacket':
        vest = np.array([[-0.26, 0.6], [0.26, 0.6], [0.1, 3.0], [-0.1, 3.0]])
        tie = np.array([[-0.05, 0.8], [0.05, 0.8], [0.09, 1.7], [0.0, 1.85], [-0.09, 1.7]])
        lapels = [
            np.array([[s * 0.2, 0.58], [s * 0.5, 0.72], [s * 0.32, 1.2], [s * 0.08, 1.9]])
            for s in (-1, 1)
        ]
        return [
            Shape(vest, _WHITE),
            Shape(tie, accent),
            *(Shape(lapel, shade(main, 0.72)) for lapel in lapels),
        ]
    if appearance.top == 'shirt':
        collars = [
            np.array([[s * 0.2, 0.55], [s * 0.4, 0.7], [s * 0.16, 0.98], [0.0, 0.8]])
            for s in (-1, 1)
        ]
        buttons = [cv.ellipse(0, y, 0.035, 0.035, 8) for y in (1.15, 1.55, 1.95, 2.35)]
        return [
            Shape(np.array([[0.0, 0.8], [0.0, 3.0]]), shade(main, 0.8), 0.03),
            *(Shape(collar, shade(main, 1.2)) for collar in collars),
            *(Shape(button, _WHITE) for button in buttons),
        ]
    return [Shape(cv.arc(0, 0.6, 0.3, 0.22, 0.0, 0.5), shade(main, 0.78), 0.06)]


def _head(appearance: Appearance) -> list[Shape]:
    w, skin = appearance.head_width, appearance.skin
    ears = [
        Shape(cv.ellipse(s * (w + 0.01), 0.02, 0.065, 0.11, 12), shade(skin, 0.9)) for s in (-1, 1)
    ]
    return [*ears, Shape(_skull(w, appearance.jaw), skin)]


def _skull(width: float, jaw: float, grow: float = 0.0) -> Array:
    """Outline (40, 2) of a head: half an ellipse above, a jaw of the given squareness below."""
    top = np.pi * np.linspace(1, 2, 20)
    upper = np.column_stack([np.cos(top), np.sin(top) * 0.95])
    low = np.pi * np.linspace(0, 1, 20)
    cheek = np.sign(np.cos(low)) * np.abs(np.cos(low)) ** (1.35 - 0.65 * jaw)
    lower = np.column_stack([cheek * (1 - 0.16 * np.sin(low)), np.sin(low)])
    return np.concatenate([upper, lower]) * [width + grow, 0.5 + grow]


def _hair(appearance: Appearance) -> tuple[list[Shape], list[Shape]]:
    """Shapes of the hair behind the head, and of the hair in front of it."""
    w, color = appearance.head_width, appearance.hair
    dark, light = shade(color, 0.75), shade(color, 1.3)
    cap = _cap(w, fringe=-0.2, sides=0.02)
    gloss = Shape(cv.arc(0.02, -0.2, 0.6 * w, 0.22, 0.6, 0.72), light, 0.035, False)
    front = [Shape(cap, color), gloss]
    if appearance.style == 'bald':
        return [], [
            Shape(cv.ellipse(s * (w - 0.005), -0.06, 0.05, 0.14, 12), color) for s in (-1, 1)
        ]
    if appearance.style == 'short':
        return [], front
    if appearance.style == 'parted':
        return [], [*front, Shape(cv.smooth(_sweep(w)), shade(color, 1.12))]
    if appearance.style == 'curly':
        curls = _curls(w, color)
        return curls, [Shape(_cap(w, -0.24, -0.02), color), *curls[1:-1:2]]
    if appearance.style == 'bun':
        return [Shape(cv.ellipse(0, -0.62, 0.2, 0.19), dark)], front
    if appearance.style == 'tails':
        return [Shape(cv.smooth(tail), dark) for tail in _tails(w)], front
    back = _long_hair(w, 1.0 if appearance.style == 'long' else 0.42)
    return [Shape(cv.smooth(back), dark)], [Shape(_cap(w, -0.2, 0.14), color), gloss]


def _sweep(w: float) -> list[tuple[float, float]]:
    return [(-0.3 * w, -0.5), (w, -0.42), (1.08 * w, -0.02), (0.75 * w, -0.22), (-0.5 * w, -0.2)]


def _curls(w: float, color: RGB) -> list[Shape]:
    turns = 2 * np.pi * np.linspace(0.5, 1.0, 9)
    return [
        Shape(cv.ellipse(1.12 * w * np.cos(a), 0.5 * np.sin(a) - 0.04, 0.17, 0.17, 14), color)
        for a in turns
    ]


def _tails(w: float) -> list[list[tuple[float, float]]]:
    return [
        [(s * w, -0.15), (s * (w + 0.3), -0.1), (s * (w + 0.26), 0.55), (s * (w + 0.08), 0.4)]
        for s in (-1, 1)
    ]


def _long_hair(w: float, length: float) -> list[tuple[float, float]]:
    return [
        (-0.7 * w, -0.56),
        (0.7 * w, -0.56),
        (1.35 * w, -0.2),
        (1.45 * w, length),
        (-1.45 * w, length),
        (-1.35 * w, -0.2),
    ]


def _cap(width: float, fringe: float, sides: float) -> Array:
    """Hair on top of the head down to the hairline ``fringe`` and, beside the face, ``sides``."""
    w = width + 0.045
    crown = np.pi * np.linspace(1, 2, 16)
    outer = np.column_stack([w * np.cos(crown), 0.55 * np.sin(crown)])
    inner = [(w, sides), (0.86 * width, sides), (0.8 * width, fringe + 0.08), (0.3 * width, fringe)]
    inner += [(-0.45 * width, fringe - 0.03), (-0.82 * width, fringe + 0.08)]
    inner += [(-0.86 * width, sides), (-w, sides)]
    return np.concatenate([outer, np.array(inner)])


def _face(appearance: Appearance, pose: Pose) -> list[Shape]:
    shapes = [
        Shape(cv.ellipse(s * 0.23, 0.14, 0.085, 0.055, 12), _blush(appearance.skin), None, False)
        for s in (-1, 1)
    ]
    if appearance.beard:
        beard = _skull(appearance.head_width, appearance.jaw)[20:] * [0.99, 1.02]
        inner = np.array(
            [[-0.8 * appearance.head_width, 0.12], [0, 0.14], [0.8 * appearance.head_width, 0.12]]
        )
        shapes.append(
            Shape(np.concatenate([beard, inner]), shade(appearance.hair, 0.95), None, False)
        )
    for side in (-1, 1):
        shapes += _eye(appearance, pose, side)
    nose = np.array([[0.02, -0.02], [0.055, 0.115], [0.0, 0.13]])
    nose[:, 0] += 0.04 * pose.turn
    shapes.append(Shape(nose, shade(appearance.skin, 0.72), 0.028, False))
    return [*shapes, *_mouth(appearance, pose)]


def _eye(appearance: Appearance, pose: Pose, side: int) -> list[Shape]:
    x, y = 0.165 * side, -0.05
    height = 0.06 * (1 - pose.blink)
    brow_y = y - 0.13 - 0.035 * pose.brow
    brow = np.array(
        [[x - 0.09, brow_y + 0.01 * side], [x, brow_y - 0.025], [x + 0.09, brow_y - 0.01 * side]]
    )
    brow_shape = Shape(brow, shade(appearance.hair, 0.7), 0.036, False)
    if height < 0.015:
        lid = np.array([[x - 0.075, y], [x, y + 0.02], [x + 0.075, y]])
        return [Shape(lid, shade(appearance.skin, 0.5), 0.03, False), brow_shape]
    gaze = 0.022 * pose.turn
    iris = (58, 92, 122) if sum(appearance.hair) > 260 else (74, 48, 30)
    return [
        Shape(cv.ellipse(x, y, 0.078, height, 14), _WHITE, None, False),
        Shape(cv.ellipse(x + gaze, y, 0.042, min(0.045, height), 10), iris, None, False),
        Shape(cv.ellipse(x + gaze, y, 0.02, min(0.022, height), 8), (12, 10, 12), None, False),
        Shape(cv.arc(x, y, 0.08, height, 0.52, 0.98), _DARK, 0.022, False),
        brow_shape,
    ]


def _mouth(appearance: Appearance, pose: Pose) -> list[Shape]:
    """Lips, mouth cavity, teeth and tongue; a closed mouth is a line."""
    y = 0.27
    half = (0.15 + 0.03 * pose.smile) * (1 - 0.42 * pose.rounding)
    gap = 0.15 * pose.opening
    lips = _LIPS if sum(appearance.skin) > 330 else (140, 62, 64)
    corner = -0.03 * pose.smile * (1 - pose.opening)
    xs = np.linspace(-1, 1, 9)
    bow = 1 - xs**2
    rise = corner * xs**2
    upper = np.column_stack([xs * half, y + rise - (0.35 * gap + 0.028) * bow])
    lower = np.column_stack([xs * half, y + rise + (gap + 0.036) * bow])
    outer = np.concatenate([upper, lower[::-1]])
    if gap < 0.012:
        seam = np.column_stack([xs * half, y + rise + 0.006 * bow])
        return [Shape(outer, lips, None, False), Shape(seam, shade(lips, 0.5), 0.02, False)]
    top = np.column_stack([xs * half * 0.86, y + rise - 0.35 * gap * bow])
    bottom = np.column_stack([xs * half * 0.86, y + rise + gap * bow])
    teeth = np.column_stack([xs * half * 0.66, y + rise - 0.35 * gap * bow + min(0.035, 0.4 * gap)])
    inner_teeth = np.concatenate([top * [0.78, 1.0], teeth[::-1]])
    tongue = cv.ellipse(0, y + 0.72 * gap, 0.5 * half, 0.26 * gap, 12)
    return [
        Shape(outer, lips, None, False),
        Shape(np.concatenate([top, bottom[::-1]]), _DARK, None, False),
        Shape(inner_teeth, _WHITE, None, False),
        Shape(tongue, _TONGUE, None, False),
    ]


def _blush(skin: RGB) -> RGB:
    r, g, b = skin
    return min(255, r + 8), int(g * 0.9), int(b * 0.88)
