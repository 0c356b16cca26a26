"""Answers that need no model, beside which a score of masks is read."""

import numpy as np
from numpy.typing import NDArray


def trivial_answers(height: int, width: int) -> dict[str, NDArray[np.uint8]]:
    """Answers without a model, (height, width) with 255 inside.

    ``whole_image``; ``center_box``, which covers half of the image; ``empty``.

    >>> masks = trivial_answers(100, 100)
    >>> {name: round(float(mask.mean()) / 255, 2) for name, mask in masks.items()}
    {'whole_image': 1.0, 'center_box': 0.49, 'empty': 0.0}
    """
    center = np.zeros((height, width), np.uint8)
    top, left = (round(side * (1 - 0.5**0.5) / 2) for side in (height, width))
    center[top : height - top, left : width - left] = 255
    whole = np.full((height, width), 255, np.uint8)
    return {'whole_image': whole, 'center_box': center, 'empty': np.zeros_like(whole)}
