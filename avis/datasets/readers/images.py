"""Read one image: pixels for the network, stored values for label maps.

OpenCV returns an image whose rest is gray for a truncated file, without an error, so the bytes are
checked first: a PNG chunk by chunk, a JPEG by its end marker. Images of more than
:data:`~avis.utils.png.MAX_PIXELS` are refused before they are decoded.
"""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avis.datasets.readers.errors import broken_data_error, require_file
from avis.utils.png import MAX_PIXELS, PNG_SIGNATURE, check_png

_JPEG, _JPEG_SCAN, _JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'


def read_image(path: str | Path, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Decode an image to RGB, shape (H, W, 3).

    Args:
        path: Path of the image.
        out: Array (H, W, 3) for the pixels, which saves a copy; not used if its shape differs.

    Raises:
        FileNotFoundError: The file does not exist.
        BrokenDataError: The file is empty, truncated or not an image.
    """
    data = np.frombuffer(_checked_bytes(path), np.uint8)
    # Label maps have no EXIF orientation, so frames must not be rotated by it either.
    try:
        image: Any = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise broken_data_error(path, f'is not a readable image ({error.err})') from error
    if image is None:
        raise broken_data_error(path, 'is not a readable image')
    fits = out is not None and out.shape == image.shape
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=out if fits else None), np.uint8)


def read_label_values(path: str | Path) -> NDArray[Any]:
    """Read the stored values, shape (H, W): gray levels, palette indices (not colors) or bits.

    A color image without palette returns shape (H, W, 3).
    """
    image = _open(path)
    if image.mode in ('RGBA', 'CMYK', 'YCbCr'):
        image = image.convert('RGB')
    elif image.mode in ('LA', 'PA'):
        image = image.getchannel(0)
    return np.asarray(image)


def read_label_colors(path: str | Path) -> NDArray[np.uint8]:
    """Read the colors of a label map, shape (H, W, 3), stored directly or in a palette."""
    return np.asarray(_open(path).convert('RGB'))


def _open(path: str | Path) -> Image.Image:
    data = _checked_bytes(path)
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except Exception as error:  # Pillow raises errors of many types for damaged files
        raise broken_data_error(path, f'is not a readable image ({error})') from error
    return image


def _checked_bytes(path: str | Path) -> bytes:
    """Return the content of an image file after checking that it is complete."""
    data = require_file(path).read_bytes()
    if not data:
        raise broken_data_error(path, 'is an empty file')
    if data.startswith(PNG_SIGNATURE):
        problem = _png_problem(data)
    elif (size := _announced_size(data)) is not None and size[0] * size[1] > MAX_PIXELS:
        problem = f'is {size[0]} x {size[1]} pixels, expected at most {MAX_PIXELS}'
    elif data.startswith(_JPEG) and data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN):
        problem = 'is a truncated JPEG, its end marker is missing'
    else:
        problem = None
    if problem:
        raise broken_data_error(path, problem)
    return data


def _announced_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in the header of an image; None if Pillow does not know the format."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return MAX_PIXELS, 2
    except Exception:  # of damaged headers; OpenCV decides
        return None


def _png_problem(data: bytes) -> str | None:
    """Check the header and the chunks of a PNG; each is length, name, content and checksum."""
    try:
        check_png(data)
    except ValueError as error:
        return f'is a corrupt PNG, {error}'
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from('>I', data, position)
        body = data[position + 4 : position + 8 + length]
        stored = data[position + 8 + length : position + 12 + length]
        if len(stored) == 4 and zlib.crc32(body) != struct.unpack('>I', stored)[0]:
            return f'is a corrupt PNG, wrong checksum at byte {position}'
        if body.startswith(b'IEND'):
            return None
        position += 12 + length
    return f'is a truncated PNG, it ends after {len(data)} bytes'
