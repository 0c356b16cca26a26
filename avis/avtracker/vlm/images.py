"""Images on their way to a chat model."""

import base64
import io
from typing import Literal

import numpy as np

from avis.structures.media import ImageArray

ImageFormat = Literal['jpeg', 'png']


def data_url(
    image: ImageArray,
    *,
    file_format: ImageFormat = 'jpeg',
    quality: int = 95,
    max_side: int | None = None,
) -> str:
    """A image as ``data:image/...;base64,...``.

    Args:
        image: uint8 RGB (H, W, 3).
        file_format: ``png`` is lossless and about ten times as long.
        quality: Of JPEG.
        max_side: Longer images are made smaller; None keeps their size.

    Raises:
        ValueError: The image is none.
    """
    from PIL import Image

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f'expected uint8 RGB (H, W, 3), got {image.dtype} {image.shape}')
    encoded = Image.fromarray(image)
    if max_side is not None and max(encoded.size) > max_side:
        encoded.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    options = {'quality': quality} if file_format == 'jpeg' else {}
    encoded.save(file, file_format, **options)
    return f'data:image/{file_format};base64,{base64.b64encode(file.getvalue()).decode("ascii")}'
