"""Pictures of clips: one row per kind of mask, one column per frame. NumPy and cv2 only."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

# Class 1 of a binary task, then as many as a legend can tell apart.
COLORS = ((255, 140, 0), (30, 144, 255), (50, 205, 50), (220, 20, 60), (148, 0, 211), (255, 215, 0))


def overlay_masks(
    frames: Image, label_map: NDArray[Any], *, palette: Sequence[Sequence[int]] | None = None
) -> Image:
    """Tint the pixels of every class but 0.

    Args:
        frames: RGB, shape (T, H, W, 3).
        label_map: Class indices, shape (T, H, W).
        palette: RGB of each class, starting with class 0; by default a few strong colours.

    Returns:
        New frames, shape (T, H, W, 3).
    """
    if frames.shape[:3] != label_map.shape:
        raise ValueError(
            f'expected one label map per frame, got frames {frames.shape} and labels '
            f'{label_map.shape}'
        )
    labels = label_map.astype(np.int64)
    if palette is None:
        indices = np.arange(labels.max(initial=0) + 1) - 1
        table = np.array(COLORS, np.uint8)[indices % len(COLORS)]
    else:
        table = np.array(palette, np.uint8)
    tinted = (frames.astype(np.uint16) + table[labels]) // 2
    return np.where(labels[..., None] > 0, tinted, frames).astype(np.uint8)


def clip_grid(rows: Mapping[str, Image], *, gap: int = 2) -> Image:
    """Put clips below each other, frame under frame, each with its name in the first frame.

    Args:
        rows: Name to frames, shape (T, H, W, 3) each, the same T, H and W in all.
        gap: Pixels of white between two pictures.

    Returns:
        One picture (H', W', 3).
    """
    shapes = {clip.shape for clip in rows.values()}
    if len(shapes) != 1:
        raise ValueError(f'expected clips of one shape, got {sorted(shapes)}')
    padding = ((0, gap), (0, gap), (0, 0))
    lines = []
    for name, clip in rows.items():
        pictures = [np.pad(frame, padding, constant_values=255) for frame in clip]
        write_text(pictures[0], name)
        lines.append(np.concatenate(pictures, axis=1))
    return np.concatenate(lines, axis=0)


def write_text(picture: Image, text: str) -> None:
    """Write into the upper left corner of a picture (H, W, 3), in place, white on black."""
    scale = picture.shape[0] / 300
    place = (3, int(24 * scale) + 3)
    for color, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, color, thickness, cv2.LINE_AA
        )
