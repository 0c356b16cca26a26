"""Draw attention maps over frames as heat maps."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.visualization.clips import DrawnClip
from avis.visualization.drawing import Image, image_grid

_COLORMAP = cv2.COLORMAP_INFERNO
_OPACITY = 0.55


def overlay_heat(
    frames: Image, maps: NDArray[np.float32], shown: tuple[float, float] = (1.0, 1.0)
) -> Image:
    """Draw one map per frame: dark for the least value of the clip, bright for the largest.

    Args:
        frames: RGB, shape (T, H, W, 3).
        maps: Shape (T, h, w), of any scale; a constant clip is drawn as its least value.
        shown: Fractions of the height and width of the maps that the frames show; the rest at the
            bottom and the right is padding.

    Returns:
        New frames, shape (T, H, W, 3).
    """
    height, width = frames.shape[1:3]
    padded = (max(round(width / shown[1]), width), max(round(height / shown[0]), height))
    large = np.stack([cv2.resize(one, padded)[:height, :width] for one in maps])
    low, high = float(large.min()), float(large.max())
    levels = (large - low) * (255 / (high - low) if high > low else 0.0)
    heat = np.stack([cv2.applyColorMap(one, _COLORMAP) for one in levels.astype(np.uint8)])
    mixed = (1 - _OPACITY) * frames + _OPACITY * heat[..., ::-1]
    return np.rint(mixed).astype(np.uint8)


def attention_grid(
    clip: DrawnClip,
    maps: Mapping[str, NDArray[np.float32]],
    shown: tuple[float, float] = (1.0, 1.0),
) -> Image:
    """Return one image with a column per frame and below it a row per fusion block.

    Args:
        clip: The drawn clip of T frames.
        maps: Maps (T, h, w) by the name of the block.
        shown: See :func:`overlay_heat`.
    """
    rows = {'frame': list(clip.frames)}
    rows |= {name: list(overlay_heat(clip.frames, part, shown)) for name, part in maps.items()}
    scale = cv2.applyColorMap(np.array([[0, 255]], np.uint8), _COLORMAP)[0, :, ::-1].tolist()
    legend = {'least attention of the clip': scale[0], 'most': scale[1]}
    return image_grid(rows, titles=clip.titles, legend=legend, columns=clip.columns)
