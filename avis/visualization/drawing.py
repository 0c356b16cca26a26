"""Draw masks on frames and arrange images: functions on RGB uint8 arrays.

Start reading at :func:`overlay_masks` and :func:`image_grid`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.utils.atomic import write_atomic
from avis.visualization.text import draw_text, fit_text, line_height, text_width

Image: TypeAlias = NDArray[np.uint8]
RGBColor: TypeAlias = Sequence[int]

# Class 1 of a binary task, then further distinct colors.
COLORS = ((255, 140, 0), (30, 144, 255), (50, 205, 50), (220, 20, 60), (148, 0, 211), (255, 215, 0))

_BACKGROUND = 255
_TEXT_COLOR = (40, 40, 40)
_MISSING = 235  # gray of an image that does not exist
_GAP = 4


def class_color(label: int, palette: Sequence[RGBColor] | None = None) -> RGBColor:
    """RGB of a class; without a palette ``COLORS``, repeated, the first one for class 1."""
    return COLORS[(label - 1) % len(COLORS)] if palette is None else palette[label]


def overlay_masks(
    frames: Image,
    labels: NDArray[Any],
    *,
    palette: Sequence[RGBColor] | None = None,
    opacity: float = 0.5,
) -> Image:
    """Tint the pixels of every class but 0 and draw their outlines in the full color.

    Args:
        frames: RGB, shape (T, H, W, 3).
        labels: Class indices, shape (T, H, W).
        palette: Colors of the classes, starting with class 0; see :func:`class_color`.
        opacity: Share of the color inside the outline, 0 to 1.

    Returns:
        New frames, shape (T, H, W, 3).
    """
    if frames.shape[:3] != labels.shape:
        raise ValueError(
            f'expected one label per pixel, got frames {frames.shape} and labels {labels.shape}'
        )
    drawn = frames.copy()
    for label in np.unique(labels[labels > 0]):
        inside = labels == label
        color = np.array(class_color(int(label), palette))
        drawn[inside] = np.rint((1 - opacity) * frames[inside] + opacity * color)
        drawn[_outline(inside)] = color
    return drawn


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of masks (T, H, W) with a neighbor outside; the border of the image is no outline."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)), mode='edge')
    inner = padded[:, 2:, 1:-1] & padded[:, :-2, 1:-1] & padded[:, 1:-1, 2:] & padded[:, 1:-1, :-2]
    return mask & ~inner


def upscale(images: NDArray[Any], min_side: int, *, labels: bool = False) -> NDArray[Any]:
    """Enlarge small images by an integer factor, so that text and outlines are small beside them.

    Args:
        images: Shape (T, H, W) or (T, H, W, 3).
        min_side: Minimum of the shorter side after scaling; larger images stay unchanged.
        labels: Repeat pixels instead of interpolating, for label maps.
    """
    factor = -(-min_side // min(images.shape[1:3]))
    if factor <= 1:
        return images
    interpolation = cv2.INTER_NEAREST if labels else cv2.INTER_CUBIC
    return np.stack(
        [cv2.resize(one, None, fx=factor, fy=factor, interpolation=interpolation) for one in images]
    )


def image_grid(
    rows: Mapping[str, Sequence[Image | None]],
    *,
    titles: Sequence[str] = (),
    legend: Mapping[str, RGBColor] | None = None,
    columns: int = 10,
) -> Image:
    """Arrange clips on white: one row per name, one column per frame.

    Args:
        rows: T images (H, W, 3) of one size by name; None leaves a cell empty.
        titles: T titles of the columns.
        legend: Colors by name, written below.
        columns: Maximal number of columns; longer clips continue in another block of rows below.

    Returns:
        One image (H', W', 3).
    """
    shape = _common_shape(rows)
    length = max(len(images) for images in rows.values())
    size = min(max(shape[0] // 14, 12), 28)
    blocks = []
    for start in range(0, length, columns):
        part = {name: images[start : start + columns] for name, images in rows.items()}
        blocks.append(_block(part, titles[start : start + columns], shape, size))
    width = max(block.shape[1] for block in blocks)
    if legend:
        blocks.append(_legend(legend, width, size))
    return np.concatenate([_pad_width(block, width) for block in blocks])


def side_by_side(images: Mapping[str, Image]) -> Image:
    """Arrange images (H, W, 3) of one size side by side, each below its name."""
    size = min(max(_common_shape({k: [p] for k, p in images.items()})[0] // 14, 12), 28)
    columns = []
    for name, image in images.items():
        title = render_text(name, size, width=image.shape[1])
        columns += [np.concatenate([title, image]), _white(len(title) + len(image), _GAP)]
    return np.concatenate(columns[:-1], axis=1)


def render_text(text: str, size: int, *, width: int | None = None) -> Image:
    """Render anti-aliased text, dark on white.

    Args:
        text: One line; text longer than ``width`` is cut and ends in an ellipsis.
        size: Height of the letters in pixels.
        width: Pixels; by default as wide as the text.

    Returns:
        Shape (H, W, 3); H depends on the size only.
    """
    height = size + size // 2
    if width is None:
        width = text_width(text, size) + size
    canvas = np.full((height, width, 3), _BACKGROUND, np.uint8)
    shown, top = fit_text(text, size, width - size // 2), (height - line_height(size)) // 2
    draw_text(canvas, shown, size // 4, top, size=size, color=_TEXT_COLOR)
    return canvas


def write_rgb_png(path: str | Path, image: Image) -> None:
    """Write an RGB image (H, W, 3) as PNG, atomically."""
    _, data = cv2.imencode('.png', image[..., ::-1])
    write_atomic(path, data.tobytes())


def _block(
    rows: Mapping[str, Sequence[Image | None]],
    titles: Sequence[str],
    shape: tuple[int, ...],
    size: int,
) -> Image:
    """One block of the grid: titles, then the rows with their names on the left."""
    names = {name: render_text(name, size) for name in rows}
    margin = max(name.shape[1] for name in names.values())
    lines = []
    if titles:
        headers = [render_text(title, size, width=shape[1] + _GAP) for title in titles]
        lines.append(np.concatenate([_white(len(headers[0]), margin), *headers], axis=1))
    empty = np.full(shape, _MISSING, np.uint8)
    for name, images in rows.items():
        left = _white(shape[0] + _GAP, margin)
        top = (shape[0] - len(names[name])) // 2
        left[max(top, 0) : max(top, 0) + len(names[name]), : names[name].shape[1]] = names[name][
            : shape[0]
        ]
        cells = [empty if image is None else image for image in images]
        padding = ((0, _GAP), (0, _GAP), (0, 0))
        cells = [np.pad(cell, padding, constant_values=_BACKGROUND) for cell in cells]
        lines.append(np.concatenate([left, *cells], axis=1))
    width = max(line.shape[1] for line in lines)
    return np.concatenate([_pad_width(line, width) for line in lines])


def _legend(legend: Mapping[str, RGBColor], width: int, size: int) -> Image:
    """Lines of colored squares with their names."""
    lines, line = [], _white(size + size // 2, 0)
    for name, color in legend.items():
        square = np.full((size, size, 3), color, np.uint8)
        frame = ((size // 4, size // 2 - size // 4), (size // 2, 0), (0, 0))
        square = np.pad(square, frame, constant_values=_BACKGROUND)
        entry = np.concatenate([square, render_text(name, size)], axis=1)[:, :width]
        if line.shape[1] + entry.shape[1] > width:
            lines.append(_pad_width(line, width))
            line = line[:, :0]
        line = np.concatenate([line, entry], axis=1)
    return np.concatenate([*lines, _pad_width(line, width)])


def _common_shape(rows: Mapping[str, Sequence[Image | None]]) -> tuple[int, ...]:
    shapes = {image.shape for row in rows.values() for image in row if image is not None}
    if len(shapes) != 1:
        raise ValueError(f'expected images of one size, got {sorted(shapes) or "no image"}')
    return shapes.pop()


def _white(height: int, width: int) -> Image:
    return np.full((height, width, 3), _BACKGROUND, np.uint8)


def _pad_width(image: Image, width: int) -> Image:
    return np.concatenate([image, _white(len(image), width - image.shape[1])], axis=1)
