"""Draw instances on frames: each identity has one color in the whole video."""

import colorsys
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.visualization.drawing import Image, render_text

_GOLDEN = 0.618033988749895  # step of the hue between identities; keeps all hues apart


def identity_color(identity: int) -> tuple[int, int, int]:
    """A bright RGB color of an identity, different from those of neighboring identities.

    >>> identity_color(0), identity_color(1)
    ((255, 64, 64), (64, 120, 255))
    """
    hue = identity * _GOLDEN % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_tracks(
    frame: Image,
    masks: Mapping[int, NDArray[np.bool_]],
    captions: Mapping[int, str] | None = None,
    *,
    opacity: float = 0.45,
) -> Image:
    """Tint and outline the instances of one frame, and write captions above them.

    Args:
        frame: RGB, shape (H, W, 3).
        masks: Mask (H, W) by identity; blank masks are not drawn.
        captions: Text by identity; None draws no text.
        opacity: Share of the color inside the outline, 0 to 1.

    Returns:
        A new frame.
    """
    drawn = frame.copy()
    for identity, mask in masks.items():
        if mask.shape != frame.shape[:2]:
            raise ValueError(
                f'identity {identity}: expected a mask of {frame.shape[:2]}, got {mask.shape}'
            )
        color = np.array(identity_color(identity))
        drawn[mask] = np.rint((1 - opacity) * drawn[mask] + opacity * color)
        outlines, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        width = max(round(min(mask.shape) / 240), 1)
        cv2.drawContours(drawn, outlines, -1, color.tolist(), width)
    for identity, mask in masks.items():
        if captions and captions.get(identity) and mask.any():
            _write(drawn, captions[identity], mask, identity_color(identity))
    return drawn


def _write(frame: Image, text: str, mask: NDArray[np.bool_], color: tuple[int, int, int]) -> None:
    """Write a label above the mask, or at the top of the frame, underlined in its color."""
    label = render_text(text, max(min(frame.shape[:2]) // 28, 10)).copy()
    label[-2:] = color
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = min(len(label), len(frame)), min(label.shape[1], frame.shape[1])
    top = max(int(rows[0]) - height, 0)
    left = min(int(columns[0]), frame.shape[1] - width)
    frame[top : top + height, left : left + width] = label[:height, :width]
