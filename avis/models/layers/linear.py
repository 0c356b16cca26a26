"""Linear layers over many tokens, fast on CPUs."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MIN_TOKENS = 512  # below, the layout change costs more than the faster kernel saves
_IMAGES = 16  # with this batch size torch uses oneDNN for 1x1 convolutions on one thread too


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute ``F.linear``, on a CPU as a 1x1 convolution.

    torch multiplies matrices with MKL, which reaches half of the speed of an AMD processor with
    AVX-512; convolutions use oneDNN, which reaches all of it. Results are equal up to rounding.

    Args:
        x: (..., C).
        weight: (C', C).
        bias: (C',).

    Returns:
        (..., C').
    """
    num_tokens = x.numel() // max(x.shape[-1], 1)
    if (
        x.device.type != 'cpu'
        or x.dtype != torch.float32
        or num_tokens < _MIN_TOKENS
        or torch.is_autocast_enabled('cpu')
        or torch.compiler.is_compiling()
    ):
        return F.linear(x, weight, bias)
    images = _IMAGES if num_tokens % _IMAGES == 0 else 1
    # A view of contiguous tokens: (images, C, tokens, 1) in channels last.
    image = x.reshape(images, num_tokens // images, 1, x.shape[-1]).permute(0, 3, 1, 2)
    out = F.conv2d(image, weight[:, :, None, None], bias).permute(0, 2, 3, 1)
    return out.reshape(*x.shape[:-1], len(weight))


class TokenLinear(nn.Linear):
    """``nn.Linear`` computed by :func:`linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C')."""
        return linear(x, self.weight, self.bias)
