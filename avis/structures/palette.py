"""The colours of classes in label maps."""

import numpy as np
from numpy.typing import NDArray


def voc_palette(num_classes: int) -> NDArray[np.uint8]:
    """Pascal VOC's colours: the bits of the class index, dealt to red, green and blue in turn.

    Args:
        num_classes: Number of classes K, at most 256.

    Returns:
        RGB, shape (K, 3).

    >>> voc_palette(4).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    if not 0 < num_classes <= 256:
        raise ValueError(f'the VOC palette has 1 to 256 colours, got num_classes={num_classes}')
    index = np.arange(num_classes)[:, None]
    colors = np.zeros((num_classes, 3), np.int64)
    for bit in range(8):
        colors |= (index >> (3 * bit + np.arange(3)) & 1) << (7 - bit)
    return colors.astype(np.uint8)
