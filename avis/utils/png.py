"""Read PNG masks and label maps fast: values as stored, NumPy arrays.

A mask compresses a thousandfold, so a decoder that goes byte by byte spends its time on nothing.
Here zlib-ng inflates the whole picture at once, and the row filters of PNG are undone only where
their bytes are not zero: at the outlines. A mask of 720 x 1280 takes a third of a millisecond, a
tenth of what libpng takes. Pictures that are dense or interlaced, or have another depth than 1 and
8 bits, go to Pillow.
"""

import io
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from zlib_ng import zlib_ng

Bytes = NDArray[np.uint8]

_SIGNATURE = b'\x89PNG\r\n\x1a\n'
# Values per pixel by colour type: gray, RGB, palette index, gray and alpha, RGBA.
_GRAY = 0
_CHANNELS = {_GRAY: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_OURS = {(8, 1), (8, 2), (8, 3), (8, 4), (1, 1)}  # depth and channels
_NONE, _SUB, _UP, _AVERAGE, _PAETH = range(5)  # row filters
# Above this share of bytes that a filter left non-zero, Pillow is faster.
_DENSE = 0.02
_CORRUPT: Any = zlib_ng.error  # its stub takes the class for an instance
_FAILURES = (UnidentifiedImageError, OSError, SyntaxError, ValueError)  # what Pillow raises


class _Header(NamedTuple):
    width: int
    height: int
    depth: int
    color: int
    compression: int
    filtering: int
    interlaced: int


def read_png(path: str | Path) -> NDArray[Any]:
    """Read the values of a picture as they are stored.

    Returns:
        (H, W) gray levels, palette indices or bits 0 and 1, or (H, W, C) of a picture with colours
        or transparency. uint8, more only if the file has more bits.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is no PNG, truncated or corrupt; the message names it.
    """
    planes = _read_planes(Path(path))[1]
    return planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)


def read_png_mask(path: str | Path) -> Bytes:
    """Read a picture whose gray level matters, be it stored with one or more channels.

    Returns:
        (H, W) gray levels, where white is 255 unless the file has 16 bits; of colours the strongest
        channel, without transparency.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is no PNG, truncated or corrupt; the message names it.
    """
    header, planes = _read_planes(Path(path))
    colors = planes[: 3 if len(planes) > 2 else 1]
    # Gray levels stored three times over are one object three times.
    gray = colors[0] if all(p is colors[0] for p in colors) else np.maximum.reduce(colors)
    # Pillow spreads the levels of 2 and 4 bits, but not those of one.
    return gray * np.uint8(255) if (header.color, header.depth) == (_GRAY, 1) else gray


def _read_planes(path: Path) -> tuple[_Header, list[NDArray[Any]]]:
    """The header, and one array (H, W) per channel."""
    data = path.read_bytes()
    try:
        header, body = _parse(data)
        planes = _decode(header, body)
    except (ValueError, _CORRUPT, struct.error) as error:
        raise ValueError(f'{path} is not a readable PNG: {error}') from error
    return header, _decode_with_pillow(path, data) if planes is None else planes


def _parse(data: bytes) -> tuple[_Header, bytes]:
    """The header and the compressed pixels, from the chunks of the file."""
    if not data.startswith(_SIGNATURE):
        raise ValueError('it is empty' if not data else 'it does not begin like a PNG')
    header, body = None, []
    position = len(_SIGNATURE)
    while position + 12 <= len(data):
        length, name = struct.unpack_from('>I4s', data, position)
        content = data[position + 8 : position + 8 + length]
        position += 12 + length
        if name == b'IHDR':
            header = _Header(*struct.unpack('>IIBBBBB', content))
        elif name == b'IDAT':
            body.append(content)
        elif name == b'IEND':
            break
    if header is None or not body:
        raise ValueError(f'it ends after {len(data)} bytes, before the picture')
    return header, b''.join(body)


def _decode(header: _Header, body: bytes) -> list[NDArray[Any]] | None:
    """The planes of a picture; None if it is one for Pillow."""
    channels = _CHANNELS.get(header.color)
    if channels is None or header.interlaced or (header.depth, channels) not in _OURS:
        return None
    stride = header.width * channels if header.depth == 8 else -(-header.width // 8)
    size = header.height * (stride + 1)
    if size > 1100 * len(body) + 1100:  # deflate saves at most 1 : 1032
        raise ValueError(f'{len(body)} bytes cannot hold {header.width} x {header.height} pixels')
    # The checksum of the stream is checked on the way.
    raw = np.frombuffer(zlib_ng.decompress(body, bufsize=size), np.uint8)
    if raw.size != size:
        raise ValueError(f'it holds {raw.size} bytes of pixels instead of {size}')
    raw = raw.reshape(header.height, stride + 1)
    filters, rows = raw[:, 0], raw[:, 1:]
    if channels > 1:
        return _undo_channels(filters, rows.reshape(header.height, header.width, channels))
    plane = _undo(filters, rows)
    if plane is None:
        return None
    return [plane if header.depth == 8 else np.unpackbits(plane, axis=1, count=header.width)]


def _undo_channels(filters: Bytes, pixels: Bytes) -> list[NDArray[Any]] | None:
    """Undo the filters of each channel; equal channels are done once and given several times."""
    planes: list[NDArray[Any]] = []
    first = np.ascontiguousarray(pixels[..., 0])
    for channel in range(pixels.shape[2]):
        if channel and np.array_equal(pixels[..., channel], first):
            planes.append(planes[0])
            continue
        plane = _undo(filters, np.ascontiguousarray(pixels[..., channel]))
        if plane is None:
            return None
        planes.append(plane)
    return planes


def _undo(filters: Bytes, rows: Bytes) -> Bytes | None:
    """Undo the row filters of one channel (H, W); None if that is faster in Pillow."""
    if not filters.any():
        return rows
    sub = filters == _SUB
    ours = sub | np.isin(filters, (_NONE, _UP, _PAETH))
    steps = np.count_nonzero(rows[sub | (filters == _PAETH)])
    if not ours.all() or steps > _DENSE * rows.size:
        return None
    plane = rows.copy()
    if sub.any():
        plane[sub] = _undo_sub(rows[sub])
    above = np.zeros_like(plane[0])
    for y in np.flatnonzero(filters > _SUB).tolist():
        up = plane[y - 1] if y else above
        if filters[y] == _UP:
            np.add(plane[y], up, out=plane[y])
        else:
            _undo_paeth(plane[y], up)
    return plane


def _undo_sub(rows: Bytes) -> Bytes:
    """Sum up each row from the left, modulo 256, by runs of equal values."""
    steps = rows.copy()
    # A row starts at 0 again: its first step takes back the sum of the row before.
    steps[1:, 0] -= np.add.reduce(rows, axis=1, dtype=np.uint8)[:-1]
    steps = steps.ravel()
    starts = np.flatnonzero(steps != 0)
    values = np.cumsum(steps[starts], dtype=np.uint8)
    return _fill(np.zeros_like(steps), starts, values).reshape(rows.shape)


def _undo_paeth(row: Bytes, up: Bytes) -> None:
    """Undo the Paeth filter in place: between its steps and those of ``up`` nothing changes."""
    moves = row != 0
    moves[0] |= up[0] != 0
    moves[1:] |= up[1:] != up[:-1]
    starts = np.flatnonzero(moves)
    corners = np.where(starts > 0, up[starts - 1], 0)
    value, values = 0, []
    for step, above, corner in zip(
        row[starts].tolist(), up[starts].tolist(), corners.tolist(), strict=True
    ):
        to_left, to_above = abs(above - corner), abs(value - corner)
        to_corner = abs(value + above - 2 * corner)
        if to_left <= to_above and to_left <= to_corner:
            guess = value
        else:
            guess = above if to_above <= to_corner else corner
        value = guess + step & 255
        values.append(value)
    row[:] = 0
    _fill(row, starts, np.array(values, np.uint8))


def _fill(line: Bytes, starts: NDArray[np.intp], values: Bytes) -> Bytes:
    """Write the runs that begin at ``starts`` into a line of zeros."""
    ends = np.append(starts[1:], line.size)
    full = values != 0
    runs = zip(starts[full].tolist(), ends[full].tolist(), values[full].tolist(), strict=True)
    for start, end, value in runs:
        line[start:end] = value
    return line


def _decode_with_pillow(path: Path, data: bytes) -> list[NDArray[Any]]:
    try:
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.asarray(image)
    except _FAILURES as error:
        raise ValueError(f'{path} is not a readable PNG: {error}') from error
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)
    return [pixels] if pixels.ndim == 2 else list(np.moveaxis(pixels, -1, 0))
