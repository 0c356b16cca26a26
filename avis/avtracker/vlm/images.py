"""Encoding of images for chat models."""

import base64
import io
from typing import Literal

import numpy as np

from avis.structures.media import ImageArray

ImageFormat = Literal['jpeg', 'png']

_JPEG_QUALITY = 95  # of 100: no visible loss; compression artifacts could mislead a model


def data_url(
    image: ImageArray, *, file_format: ImageFormat = 'jpeg', max_side: int | None = None
) -> str:
    """Encode an image as ``data:image/...;base64,...``.

    Args:
        image: uint8 RGB (H, W, 3).
        file_format: ``png`` is lossless and about ten times as long.
        max_side: Larger images are downscaled to this longer side; None keeps their size.

    Raises:
        ValueError: The image has another type or shape.
    """
    from PIL import Image

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f'expected uint8 RGB (H, W, 3), got {image.dtype} {image.shape}')
    encoded = Image.fromarray(image)
    if max_side is not None and max(encoded.size) > max_side:
        encoded.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    options = {'quality': _JPEG_QUALITY} if file_format == 'jpeg' else {}
    encoded.save(file, file_format, **options)
    return f'data:image/{file_format};base64,{base64.b64encode(file.getvalue()).decode("ascii")}'
