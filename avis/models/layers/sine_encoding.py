"""Positional encoding of a map: sines and cosines of row and column."""

import math

import torch
from torch import Tensor


def sine_encoding(
    shape: tuple[int, int],
    channels: int,
    *,
    temperature: float = 10000.0,
    normalize: bool = True,
    device: torch.device | str = 'cpu',
) -> Tensor:
    """Return the positional encoding of DETR.

    Equals ``mmdet.models.layers.SinePositionalEncoding(channels // 2, normalize=normalize)`` of a
    map without padding; rows and columns are encoded once each, not at every position.

    Source: Carion et al., *DETR*, ECCV 2020 (arXiv:2005.12872).

    Args:
        shape: (h, w) of the map.
        channels: C; the first half encodes the row, the second the column.
        temperature: Ratio of the longest to the shortest wavelength.
        normalize: The last row and column are at 2 pi; otherwise positions count from 1.
        device: Device of the result.

    Returns:
        (h * w, C), row by row.
    """
    height, width = shape
    half = channels // 2
    channel = torch.arange(half, dtype=torch.float32, device=device)
    wavelength = temperature ** (2 * (channel // 2) / half)

    def encode(length: int) -> Tensor:
        index = torch.arange(1, length + 1, dtype=torch.float32, device=device)
        position = index / (index[-1] + 1e-6) * (2 * math.pi) if normalize else index
        angle = position[:, None] / wavelength
        return torch.stack([angle[:, ::2].sin(), angle[:, 1::2].cos()], -1).flatten(1)

    rows = encode(height)[:, None].expand(height, width, half)
    columns = encode(width)[None].expand(height, width, half)
    return torch.cat([rows, columns], -1).flatten(0, 1)
