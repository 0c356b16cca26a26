"""Multi-scale deformable attention: each query samples a few points of each pyramid level.

Models call :func:`deformable_attention`. It runs the PyTorch implementation, which works on every
device, or a compiled kernel of another package (see :mod:`avis.ops.deformable_kernels`).

Source: Zhu et al., *Deformable DETR*, ICLR 2021 (arXiv:2010.04159).

Letters: N images, S positions of all levels (S = sum of h*w), M heads, C channels per head,
Q queries, L levels, P points.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from avis.ops.deformable_kernels import choose_kernel

Shapes = Sequence[tuple[int, int]]


def deformable_attention(
    value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor, *, kernel: str = 'auto'
) -> Tensor:
    """Compute weighted sums of bilinear samples; a sample outside its map is 0.

    Args:
        value: (N, S, M, C), the maps of all levels, one after the other.
        shapes: (h, w) of each level.
        locations: (N, Q, M, L, P, 2), x and y in [0, 1] from edge to edge of a map.
        weights: Attention weights, (N, Q, M, L, P).
        kernel: ``'auto'`` uses the first compiled kernel that is installed, supports the device and
            agrees with PyTorch; else ``'pytorch'``, or the name of a kernel.

    Returns:
        (N, Q, M * C), in the dtype of ``value``.

    Raises:
        ValueError: Inconsistent shapes.
        ImportError: The named kernel is not installed, or does not support the device.
    """
    _check(value, shapes, locations, weights)
    with torch.autocast(value.device.type, enabled=False):
        # Half precision cannot resolve neighboring positions: compute in float32 or higher.
        exact = torch.promote_types(value.dtype, torch.float32)
        inputs = (value.to(exact), shapes, locations.to(exact), weights.to(exact))
        compiled = choose_kernel(kernel, value.device, deformable_attention_pytorch)
        attend = deformable_attention_pytorch if compiled is None else compiled
        return attend(*inputs).to(value.dtype)


def deformable_attention_pytorch(
    value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor
) -> Tensor:
    """PyTorch implementation of :func:`deformable_attention`, the reference of all kernels."""
    wants_gradient = torch.is_grad_enabled() and (
        value.requires_grad or locations.requires_grad or weights.requires_grad
    )
    if value.device.type == 'cpu' and not wants_gradient and not torch.compiler.is_compiling():
        return sample_bags(value, shapes, locations, weights)
    return sample_grids(value, shapes, locations, weights)


def sample_grids(value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor) -> Tensor:
    """Sample each level with ``grid_sample``; for gradients, GPUs and compilers."""
    images, queries, heads = locations.shape[:3]
    sizes = [height * width for height, width in shapes]
    grids = (2 * locations - 1).permute(3, 0, 2, 1, 4, 5).flatten(1, 2)  # (L, N*M, Q, P, 2)
    level_weights = weights.permute(3, 0, 2, 1, 4).flatten(1, 2)[:, :, None]  # (L, N*M, 1, Q, P)
    total: Tensor | None = None
    for part, shape, grid, weight in zip(
        value.split(sizes, 1), shapes, grids, level_weights, strict=True
    ):
        maps = part.permute(0, 2, 3, 1).reshape(images * heads, -1, *shape)
        samples = F.grid_sample(maps, grid, align_corners=False)  # (N*M, C, Q, P)
        weighted = (samples * weight).sum(-1)
        total = weighted if total is None else total + weighted
    if total is None:
        raise ValueError('deformable_attention: expected at least one level, got none')
    return total.view(images, -1, queries).transpose(1, 2).contiguous()


def sample_bags(value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor) -> Tensor:
    """Sum all corners of all samples of a query with ``embedding_bag``; for CPU inference.

    A sample is a weighted sum of four rows of C channels, and the output the weighted sum of the
    samples: ``embedding_bag`` computes both in one pass and without changing the layout of
    ``value``. Four times faster than :func:`sample_grids`, but its gradient is slower.
    """
    # Image by image: intermediate results stay in the cache.
    return torch.cat(
        [
            _sample_bags_of_image(*image, shapes)
            for image in zip(value, locations, weights, strict=True)
        ]
    )


def _sample_bags_of_image(
    value: Tensor, locations: Tensor, weights: Tensor, shapes: Shapes
) -> Tensor:
    queries, heads, levels, points = weights.shape
    # Constants have one entry per coordinate (or sample) of a query: short broadcast axes are slow.
    size, row, first = (x.repeat(heads) for x in _constants(shapes, points, heads, value.dtype))
    corner = locations.reshape(queries, -1).mul(size).sub_(0.5)
    # Clamp to -1 and the size: samples outside read the zero border, no mask is needed. NaN must
    # not become an index; it is kept by the weights, which come from the same features.
    corner = torch.fmin(corner.clamp_(min=-1.0), size, out=corner)
    upper = corner - corner.floor()  # (Q, M*L*P*2), weights of the farther column and row
    corner = corner.sub_(upper).int()
    lower = 1 - upper
    head = torch.arange(heads, dtype=torch.int32).repeat_interleave(levels * points)
    first = torch.addcmul(first + head, corner[:, 1::2], row).add_(corner[:, ::2], alpha=heads)
    rows = first.new_empty(queries, heads, 4, levels * points)
    shares = value.new_empty(rows.shape)
    strength = weights.reshape(queries, -1)
    for y, below in enumerate((lower, upper)):
        weighted = below[:, 1::2] * strength
        for x, right in enumerate((lower, upper)):
            share = shares[:, :, 2 * y + x]
            torch.mul(weighted.view(share.shape), right[:, ::2].reshape(share.shape), out=share)
            index = first + (row * y + heads * x)
            rows[:, :, 2 * y + x] = index.view(share.shape)
    bags = F.embedding_bag(
        rows.view(queries * heads, -1),
        _with_zero_border(value, shapes),
        mode='sum',
        per_sample_weights=shares.view(queries * heads, -1),
    )
    return bags.view(1, queries, -1)


def _constants(
    shapes: Shapes, points: int, heads: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Return per sample of one head: (w, h) alternating, rows per line, row of corner (0, 0)."""
    size = torch.tensor([[width, height] * points for height, width in shapes], dtype=dtype)
    lines = torch.tensor([width + 2 for _, width in shapes], dtype=torch.int32)
    sizes = torch.tensor([(height + 2) * (width + 2) for height, width in shapes])
    starts = (sizes.cumsum(0) - sizes).int() + lines + 1  # the corner inside the border
    row, first = (x.mul(heads).repeat_interleave(points) for x in (lines, starts))
    return size.flatten(), row, first


def _with_zero_border(value: Tensor, shapes: Shapes) -> Tensor:
    """Return rows (R * M, C) of all maps with a border of zeros, and spare rows at the end."""
    heads, channels = value.shape[1:]
    sizes = [(height + 2) * (width + 2) for height, width in shapes]
    spare = shapes[-1][1] + 3  # for the farther corners of a sample in the last border
    table = value.new_zeros(sum(sizes) + spare, heads, channels)
    ends = [sum(sizes[:level]) for level in range(len(sizes) + 1)]
    parts = value.split([height * width for height, width in shapes])
    for part, (height, width), (begin, end) in zip(parts, shapes, pairwise(ends), strict=True):
        bordered = table[begin:end].view(height + 2, width + 2, heads, channels)
        bordered[1:-1, 1:-1] = part.view(height, width, heads, channels)
    return table.view(-1, channels)


def _check(value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor) -> None:
    positions = sum(height * width for height, width in shapes)
    images, queries, heads, levels, points = weights.shape
    fits = (
        value.shape[:3] == (images, positions, heads)
        and len(shapes) == levels
        and locations.shape == (images, queries, heads, levels, points, 2)
    )
    if not fits:
        raise ValueError(
            f'deformable_attention: expected value (N, S, M, C), locations (N, Q, M, L, P, 2) and '
            f'weights (N, Q, M, L, P) with S = {positions} positions of {len(shapes)} levels, got '
            f'{tuple(value.shape)}, {tuple(locations.shape)} and {tuple(weights.shape)}'
        )
