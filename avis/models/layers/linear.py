"""Linear layers over many tokens, as fast as the processor allows."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FEW_ROWS = 512  # below, the way to the other library costs more than it saves
_IMAGES = 16  # from so many images on, torch gives a 1x1 convolution to oneDNN on one thread too


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``F.linear``, on a CPU as a 1x1 convolution.

    torch multiplies matrices with MKL, which leaves half of the speed of an AMD processor with
    AVX-512 unused; convolutions go to oneDNN, which does not. Results are equal up to rounding.

    Args:
        x: (..., C).
        weight: (C', C).
        bias: (C',).

    Returns:
        (..., C').
    """
    rows = x.numel() // max(x.shape[-1], 1)
    if (
        x.device.type != 'cpu'
        or x.dtype != torch.float32
        or rows < _FEW_ROWS
        or torch.is_autocast_enabled('cpu')
        or torch.compiler.is_compiling()
    ):
        return F.linear(x, weight, bias)
    images = _IMAGES if rows % _IMAGES == 0 else 1
    # A view of contiguous tokens: (images, C, rows, 1) with the channels last.
    image = x.reshape(images, rows // images, 1, x.shape[-1]).permute(0, 3, 1, 2)
    out = F.conv2d(image, weight[:, :, None, None], bias).permute(0, 2, 3, 1)
    return out.reshape(*x.shape[:-1], len(weight))


class TokenLinear(nn.Linear):
    """``nn.Linear`` over :func:`linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C')."""
        return linear(x, self.weight, self.bias)
