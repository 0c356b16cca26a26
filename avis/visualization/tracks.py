"""Draw instances on frames: each identity keeps its color through the whole video."""

import colorsys
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.visualization.drawing import Image, text_image

_GOLDEN = 0.618033988749895  # turns of the color circle between identities: all are far apart


def identity_color(number: int) -> tuple[int, int, int]:
    """RGB of an identity, bright, and unlike that of identities near it.

    >>> identity_color(0), identity_color(1)
    ((255, 64, 64), (64, 120, 255))
    """
    hue = number * _GOLDEN % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_tracks(
    frame: Image,
    masks: Mapping[int, NDArray[np.bool_]],
    captions: Mapping[int, str] | None = None,
    *,
    opacity: float = 0.45,
) -> Image:
    """Tint and outline the instances of one frame, and write their names above them.

    Args:
        frame: RGB, shape (H, W, 3).
        masks: Mask (H, W) by identity; blank ones are not drawn.
        captions: Text by identity; None for none.
        opacity: Share of the color inside the outline, 0 to 1.

    Returns:
        A new frame.
    """
    drawn = frame.copy()
    for number, mask in masks.items():
        if mask.shape != frame.shape[:2]:
            raise ValueError(
                f'identity {number}: a mask of {mask.shape} on a frame of {frame.shape[:2]}'
            )
        color = np.array(identity_color(number))
        drawn[mask] = np.rint((1 - opacity) * drawn[mask] + opacity * color)
        outlines, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        width = max(round(min(mask.shape) / 240), 1)
        cv2.drawContours(drawn, outlines, -1, color.tolist(), width)
    for number, mask in masks.items():
        if captions and captions.get(number) and mask.any():
            _write(drawn, captions[number], mask, identity_color(number))
    return drawn


def _write(frame: Image, text: str, mask: NDArray[np.bool_], color: tuple[int, int, int]) -> None:
    """Put a label above the mask, or inside at the top edge, with a bar of its color below."""
    label = text_image(text, max(min(frame.shape[:2]) // 28, 10)).copy()
    label[-2:] = color
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = min(len(label), len(frame)), min(label.shape[1], frame.shape[1])
    top = max(int(rows[0]) - height, 0)
    left = min(int(columns[0]), frame.shape[1] - width)
    frame[top : top + height, left : left + width] = label[:height, :width]
