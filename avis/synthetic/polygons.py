"""Masks to COCO polygons that rasterize to exactly the same mask."""

import cv2
import numpy as np

from avis.synthetic.canvas import Array


def mask_to_polygons(mask: Array) -> list[list[float]]:
    """Polygons of a mask, one per connected part, as flat x, y lists.

    The outline is traced at twice the resolution: there it runs between the pixel centers that
    pycocotools samples. A hole is connected to its outline by a slit of zero width.

    Args:
        mask: Shape (H, W), bool.
    """
    doubled = np.repeat(np.repeat(mask.astype(np.uint8), 2, axis=0), 2, axis=1)
    contours, tree = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    polygons = []
    for index, contour in enumerate(contours):
        _, _, hole, parent = tree[0, index]
        if parent >= 0:
            continue
        outline = contour[:, 0]
        while hole >= 0:
            outline = _splice(outline, contours[hole][:, 0])
            hole = tree[0, hole, 0]
        polygons.append(((outline + 0.5) / 2).ravel().tolist())
    return polygons


def _splice(outline: Array, hole: Array) -> Array:
    """Connect the outline to the hole at their nearest points, as one closed line."""
    gaps = ((outline[:, None].astype(np.int64) - hole[None]) ** 2).sum(axis=2)
    i, j = np.unravel_index(int(gaps.argmin()), gaps.shape)
    around = np.concatenate([hole[j:], hole[: j + 1]])
    return np.concatenate([outline[: i + 1], around, outline[i:]])
