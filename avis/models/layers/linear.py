"""Linear layers over many tokens, fast on CPUs."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MIN_TOKENS = 512  # below, the layout change costs more than the faster kernel saves
_IMAGES = 16  # with this batch size torch uses oneDNN for 1x1 convolutions on one thread too


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute ``F.linear``, on a CPU as a 1x1 convolution.

    torch multiplies matrices with MKL, which reaches half of the speed of an AMD processor with
    AVX-512; convolutions use oneDNN, which reaches all of it. On processors without AVX-512 both
    are as fast, except for gradients, which are products of matrices there. Results are equal up to
    rounding.

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
    if torch.is_grad_enabled() and not _has_avx512():
        out: Tensor = _ConvolutionWithProducts.apply(x, weight, bias)
        return out
    return _convolution(x, weight, bias)


def _has_avx512() -> bool:
    return torch.backends.cpu.get_cpu_capability().startswith('AVX512')


def _convolution(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    num_tokens = x.numel() // x.shape[-1]
    images = _IMAGES if num_tokens % _IMAGES == 0 else 1
    # A view of contiguous tokens: (images, C, tokens, 1) in channels last.
    image = x.reshape(images, num_tokens // images, 1, x.shape[-1]).permute(0, 3, 1, 2)
    out = F.conv2d(image, weight[:, :, None, None], bias).permute(0, 2, 3, 1)
    return out.reshape(*x.shape[:-1], len(weight))


class _ConvolutionWithProducts(torch.autograd.Function):
    """A 1x1 convolution whose gradients are products of matrices."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolution(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        rows = grad.reshape(-1, len(weight))
        return (
            (rows @ weight).view_as(x) if needs_x else None,
            rows.T @ x.reshape(-1, x.shape[-1]) if needs_weight else None,
            rows.sum(0) if needs_bias else None,
        )


class TokenLinear(nn.Linear):
    """``nn.Linear`` computed by :func:`linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C')."""
        return linear(x, self.weight, self.bias)
