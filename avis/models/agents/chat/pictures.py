"""Pictures on their way to a chat model."""

import base64
import io
from typing import Literal

import numpy as np

from avis.models.agents.contract import Picture

PictureFormat = Literal['jpeg', 'png']


def data_url(
    picture: Picture,
    *,
    file_format: PictureFormat = 'jpeg',
    quality: int = 95,
    max_side: int | None = None,
) -> str:
    """A picture as ``data:image/...;base64,...``.

    Args:
        picture: uint8 RGB (H, W, 3).
        file_format: ``png`` is lossless and about ten times as long.
        quality: Of JPEG.
        max_side: Longer pictures are made smaller; None keeps their size.

    Raises:
        ValueError: The picture is none.
    """
    from PIL import Image

    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f'expected uint8 RGB (H, W, 3), got {picture.dtype} {picture.shape}')
    image = Image.fromarray(picture)
    if max_side is not None and max(image.size) > max_side:
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    options = {'quality': quality} if file_format == 'jpeg' else {}
    image.save(file, file_format, **options)
    return f'data:image/{file_format};base64,{base64.b64encode(file.getvalue()).decode("ascii")}'
