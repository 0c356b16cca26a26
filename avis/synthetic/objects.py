"""Sounding objects: guitar, violin, bells, car, dog, each with a part that moves as it sounds.

Local units: an object fills about -1.3..1.3 in both directions around the origin, y down.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from avis.synthetic import canvas as cv
from avis.synthetic.canvas import Array, Canvas, Figure, Shape, shade
from avis.synthetic.cast import Appearance
from avis.synthetic.people import Pose

_BLACK = (34, 32, 36)
_STEEL = (176, 180, 188)
_GLASS = (186, 216, 232)
_IVORY = (246, 240, 226)


def draw_object(canvas: Canvas, kind: str, appearance: Appearance, pose: Pose) -> None:
    """Draw one object; ``pose.opening`` is the strength of its motion, ``rounding`` the phase."""
    _DRAWERS[kind](canvas, appearance, pose, cv.affine(pose.x, pose.y, pose.scale, pose.tilt))


def _draw_guitar(canvas: Canvas, appearance: Appearance, pose: Pose, at: Array) -> None:
    canvas.draw(_string_body(appearance, violin=False), at)
    shake = 0.035 * pose.opening
    for i in range(5):
        x = (i - 2) * 0.035
        bent = x + shake * (1 if i % 2 else -1) * (0.5 + pose.rounding)
        string = np.array([[x * 0.7, -1.1], [bent, 0.25], [x, 0.72]])
        canvas.draw_shape(Shape(string, _IVORY, 0.012, False), at)
    y = 0.35 + 0.22 * (pose.rounding - 0.5) * (0.3 + pose.opening)
    pick = np.array([[0.05, y - 0.08], [0.36, y - 0.2], [0.42, y + 0.06]])
    canvas.draw_shape(Shape(pick, (226, 64, 60), None, False), at)


def _draw_violin(canvas: Canvas, appearance: Appearance, pose: Pose, at: Array) -> None:
    canvas.draw(_string_body(appearance, violin=True), at)
    for i in range(4):
        x = (i - 1.5) * 0.035
        canvas.draw_shape(Shape(np.array([[x * 0.6, -1.0], [x, 0.75]]), _IVORY, 0.012, False), at)
    slide = 0.55 * (pose.rounding - 0.5) * (0.4 + 0.6 * pose.opening)
    lift = 0.08 * pose.opening
    bow = np.array([[slide - 1.05, 0.62 + lift], [slide + 1.05, 0.16 + lift]])
    canvas.draw_shape(Shape(bow, _IVORY, 0.03, True), at)
    canvas.draw_shape(Shape(bow - np.array([0.0, 0.07]), (92, 50, 30), 0.055, True), at)


@lru_cache(maxsize=64)
def _string_body(appearance: Appearance, *, violin: bool) -> Figure:
    wood, dark = appearance.main, shade(appearance.main, 0.55)
    waist = 0.34 if violin else 0.46
    half = [(0.0, -0.32), (0.38, -0.3), (0.52, -0.02), (waist, 0.28), (0.66, 0.6), (0.62, 1.02)]
    half += [(0.0, 1.25)]
    outline = [*half, *((-x, y) for x, y in half[-2:0:-1])]
    shapes = [
        Shape(cv.box(-0.1, -1.28, 0.1, 0.3), shade(appearance.accent, 0.9)),
        Shape(cv.box(-0.16, -1.42, 0.16, -1.08, 0.06), dark),
        Shape(cv.smooth(outline), dark),
        Shape((cv.smooth(outline) - [0, 0.45]) * [0.9, 0.93] + [0, 0.45], wood),
        Shape(cv.box(-0.08, -1.1, 0.08, 0.2), shade(appearance.accent, 1.2)),
        Shape(cv.box(-0.2, 0.7, 0.2, 0.78), _BLACK),
    ]
    if violin:
        for side in (-1, 1):
            hole = cv.arc(0.3 * side, 0.42, 0.06, 0.17, 0.2, 0.8)
            shapes.append(Shape(hole, _BLACK, 0.035))
    else:
        shapes += [
            Shape(cv.ellipse(0, 0.3, 0.25, 0.25), shade(wood, 0.7)),
            Shape(cv.ellipse(0, 0.3, 0.19, 0.19), _BLACK),
        ]
    return Figure(shapes)


def _draw_bell(canvas: Canvas, appearance: Appearance, pose: Pose, at: Array) -> None:
    canvas.draw(_bell_stand(), at)
    for i, x in enumerate((-0.72, 0.0, 0.72)):
        swing = 0.5 * pose.opening * np.sin(2 * np.pi * pose.rounding + 2.1 * i)
        bell = cv.compose(at, cv.affine(x, -0.78, 0.72 + 0.14 * i, swing))
        canvas.draw(_bell(appearance), bell)


@lru_cache(maxsize=1)
def _bell_stand() -> Figure:
    post = (104, 74, 52)
    return Figure(
        [
            Shape(cv.box(-1.2, -0.95, -1.08, 1.2), post),
            Shape(cv.box(1.08, -0.95, 1.2, 1.2), post),
            Shape(cv.box(-1.42, 1.08, -0.86, 1.25, 0.06), shade(post, 0.8)),
            Shape(cv.box(0.86, 1.08, 1.42, 1.25, 0.06), shade(post, 0.8)),
            Shape(cv.box(-1.32, -0.98, 1.32, -0.8, 0.06), shade(post, 1.15)),
        ]
    )


@lru_cache(maxsize=64)
def _bell(appearance: Appearance) -> Figure:
    half = [(0.09, 0.1), (0.26, 0.2), (0.32, 0.75), (0.5, 1.08), (0.46, 1.16)]
    outline = [*half, *((-x, y) for x, y in half[::-1])]
    gloss = np.array([[-0.17, 0.3], [-0.2, 0.7], [-0.27, 0.92]])
    return Figure(
        [
            Shape(np.array([[0.0, 0.0], [0.0, 0.2]]), _BLACK, 0.06),
            Shape(cv.ellipse(0, 1.2, 0.13, 0.12, 12), _BLACK),
            Shape(cv.smooth(outline), appearance.main),
            Shape(cv.box(-0.47, 1.0, 0.47, 1.08), shade(appearance.main, 0.7)),
            Shape(gloss, shade(appearance.main, 1.35), 0.07),
        ]
    )


def _draw_car(canvas: Canvas, appearance: Appearance, pose: Pose, at: Array) -> None:
    jump = 0.05 * pose.opening * np.sin(2 * np.pi * pose.rounding)
    canvas.draw(_car_body(appearance), cv.compose(at, cv.affine(0, jump, 1)))
    for x in (-0.78, 0.8):
        wheel = cv.compose(at, cv.affine(x, 0.52, 1, 2 * np.pi * pose.phase))
        canvas.draw(_wheel(), wheel)
    for i in range(3):  # exhaust, outside the silhouette
        size = (0.06 + 0.06 * i) * min(1.0, 1.6 * pose.opening)
        drift = 0.12 * ((pose.rounding + 0.4 * i) % 1)
        puff = cv.ellipse(-1.5 - 0.2 * i - drift, 0.42 - 0.1 * i, size, size, 12)
        if size > 0.02:
            canvas.draw_shape(Shape(puff, (206, 206, 210), None, False), at)


@lru_cache(maxsize=64)
def _car_body(appearance: Appearance) -> Figure:
    main = appearance.main
    body = [(-1.42, 0.02), (-1.2, -0.1), (1.1, -0.08), (1.42, 0.1), (1.45, 0.5), (-1.45, 0.5)]
    cabin = [(-0.95, -0.05), (-0.62, -0.62), (0.42, -0.62), (0.9, -0.05)]
    rear = [(-0.78, -0.07), (-0.53, -0.52), (-0.12, -0.52), (-0.12, -0.07)]
    front = [(-0.02, -0.07), (-0.02, -0.52), (0.36, -0.52), (0.7, -0.07)]
    return Figure(
        [
            Shape(cv.smooth(cabin, 1), shade(main, 0.85)),
            Shape(np.array(rear), _GLASS),
            Shape(np.array(front), _GLASS),
            Shape(cv.smooth(body), main),
            Shape(np.array([[-1.3, 0.22], [1.36, 0.22]]), shade(main, 1.3), 0.05),
            Shape(cv.ellipse(1.34, 0.12, 0.09, 0.09, 12), (255, 240, 170)),
            Shape(cv.box(-1.46, 0.06, -1.34, 0.2), (196, 40, 40)),
            Shape(cv.box(-0.12, 0.02, 0.08, 0.06), shade(main, 0.5)),
            Shape(cv.box(-1.5, 0.4, 1.5, 0.52, 0.05), shade(main, 0.45)),
        ]
    )


@lru_cache(maxsize=1)
def _wheel() -> Figure:
    spokes = [
        Shape(np.array([[0.0, 0.0], [0.2 * np.cos(a), 0.2 * np.sin(a)]]), _BLACK, 0.05)
        for a in 2 * np.pi * np.arange(5) / 5
    ]
    rings = [(0.34, _BLACK), (0.22, _STEEL), (0.07, _BLACK)]
    return Figure([*(Shape(cv.ellipse(0, 0, r, r), c) for r, c in rings), *spokes])


def _draw_dog(canvas: Canvas, appearance: Appearance, pose: Pose, at: Array) -> None:
    wag = 0.5 * np.sin(2 * np.pi * pose.phase * 3) * (0.3 + 0.7 * pose.opening)
    tail = cv.compose(at, cv.affine(0.62, 0.86, 1, wag))
    points = np.array([[0.0, 0.0], [0.25, -0.12], [0.4, -0.42]])
    canvas.draw_shape(Shape(points, shade(appearance.main, 0.8), 0.16), tail)
    canvas.draw(_dog_body(appearance), at)
    nod = cv.compose(at, cv.affine(0.07 * pose.turn, -0.5 - 0.1 * pose.opening, 1))
    canvas.draw(_dog_head(appearance), nod)
    if pose.blink > 0.5:
        for x in (-0.22, 0.22):
            lid = np.array([[x - 0.09, -0.1], [x + 0.09, -0.1]])
            canvas.draw_shape(Shape(cv.ellipse(x, -0.1, 0.1, 0.1, 12), appearance.main, None), nod)
            canvas.draw_shape(Shape(lid, _BLACK, 0.03), nod)
    gap = 0.26 * pose.opening
    if gap > 0.02:
        canvas.draw_shape(Shape(cv.ellipse(0, 0.36 + 0.5 * gap, 0.17, 0.5 * gap, 16), _BLACK), nod)
        tongue = cv.ellipse(0, 0.36 + 0.85 * gap, 0.09, 0.4 * gap, 12)
        canvas.draw_shape(Shape(tongue, (224, 104, 112)), nod)
    smile = np.concatenate(
        [cv.arc(-0.09, 0.27, 0.09, 0.08, 0.45, 0.0), cv.arc(0.09, 0.27, 0.09, 0.08, 0.5, 0.05)]
    )
    canvas.draw_shape(Shape(smile, shade(appearance.main, 0.35), 0.03), nod)


@lru_cache(maxsize=64)
def _dog_body(appearance: Appearance) -> Figure:
    main, light, dark = appearance.main, shade(appearance.main, 1.28), shade(appearance.main, 0.78)
    trunk = [(-0.4, -0.3), (0.4, -0.3), (0.62, 0.5), (0.72, 1.25), (-0.72, 1.25), (-0.62, 0.5)]
    return Figure(
        [
            Shape(cv.ellipse(-0.55, 1.0, 0.3, 0.34), dark),
            Shape(cv.ellipse(0.55, 1.0, 0.3, 0.34), dark),
            Shape(cv.smooth(trunk), main),
            Shape(cv.ellipse(0, 0.35, 0.3, 0.5), light),
            Shape(cv.box(-0.36, 0.3, -0.1, 1.28, 0.1), shade(main, 0.92)),
            Shape(cv.box(0.1, 0.3, 0.36, 1.28, 0.1), shade(main, 0.92)),
            Shape(cv.ellipse(-0.24, 1.24, 0.19, 0.09), light),
            Shape(cv.ellipse(0.24, 1.24, 0.19, 0.09), light),
            Shape(cv.box(-0.36, 0.02, 0.36, 0.14, 0.05), (200, 48, 52)),
        ]
    )


@lru_cache(maxsize=64)
def _dog_head(appearance: Appearance) -> Figure:
    main, light, dark = appearance.main, shade(appearance.main, 1.28), shade(appearance.main, 0.6)
    shapes = [Shape(cv.ellipse(0, 0, 0.5, 0.46), main)]
    for side in (-1, 1):
        ear = [(0.3, -0.36), (0.52, -0.42), (0.68, 0.2), (0.5, 0.34), (0.38, 0.0)]
        shapes.append(Shape(cv.smooth([(side * x, y) for x, y in ear]), dark))
        shapes.append(Shape(cv.ellipse(side * 0.22, -0.1, 0.085, 0.1, 14), _IVORY))
        shapes.append(Shape(cv.ellipse(side * 0.21, -0.09, 0.055, 0.07, 12), _BLACK))
        shapes.append(Shape(cv.ellipse(side * 0.2, -0.12, 0.018, 0.02, 8), _IVORY))
    shapes.append(Shape(cv.ellipse(0, 0.22, 0.27, 0.22), light))
    shapes.append(Shape(cv.ellipse(0, 0.12, 0.11, 0.08, 14), _BLACK))
    return Figure(shapes)


_DRAWERS: dict[str, Callable[[Canvas, Appearance, Pose, Array], None]] = {
    'guitar': _draw_guitar,
    'violin': _draw_violin,
    'bell': _draw_bell,
    'car': _draw_car,
    'dog': _draw_dog,
}
