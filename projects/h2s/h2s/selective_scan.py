"""The recurrence of a selective state space model, in blocks: no loop over tokens.

Source: Gu and Dao, *Mamba: Linear-Time Sequence Modeling with Selective State Spaces*, 2023
(arXiv:2312.00752).

Letters: L tokens of a sequence, N sequences, G directions, D channels, E states of a channel.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_STEPS = 16  # tokens of a segment, computed one after the other
_SEGMENTS = 16  # of a block, computed at once


def selective_scan(x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Run ``h = exp(delta * a) * h + delta * b * x`` and return ``y = sum(c * h)`` at each token.

    Only inputs and one state per block are kept for the backward pass. Computed in float32 or
    higher, under autocast too.

    Args:
        x: (L, N, G, D).
        delta: Step sizes, (L, N, G, D).
        a: (G, D, E).
        b: (L, N, G, E).
        c: (L, N, G, E).

    Returns:
        (L, N, G, D).
    """
    with torch.autocast(x.device.type, enabled=False):
        exact = torch.promote_types(x.dtype, torch.float32)
        missing = -len(x) % _STEPS  # a step of size 0 keeps the state
        padded = (
            F.pad(tensor.to(exact), (0, 0, 0, 0, 0, 0, 0, missing)) for tensor in (x, delta, b, c)
        )
        y: Tensor = _SelectiveScan.apply(*padded, a.to(exact))
        return y[: len(x)]


def linear_recurrence(a: Tensor, b: Tensor, state: Tensor) -> Tensor:
    """Return the states h of ``h = a * h + b`` at each token.

    All segments run at once from a zero state; then the state at the start of each segment is
    passed on.

    Args:
        a: (L, ...), with L a multiple of the tokens of a segment; overwritten.
        b: (L, ...); overwritten.
        state: State before the first token, (...).

    Returns:
        (L, ...).
    """
    a, b = a.unflatten(0, (-1, _STEPS)), b.unflatten(0, (-1, _STEPS))
    for step in range(1, _STEPS):
        b[:, step].addcmul_(a[:, step], b[:, step - 1])
        a[:, step].mul_(a[:, step - 1])  # factor of the state before the segment
    starts = []
    for factor, end in zip(a[:, -1], b[:, -1], strict=True):
        starts.append(state)
        state = torch.addcmul(end, factor, state)
    return b.addcmul_(a, torch.stack(starts)[:, None]).flatten(0, 1)


class _SelectiveScan(torch.autograd.Function):
    """Forward and backward pass of :func:`selective_scan`, block by block."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, delta: Tensor, b: Tensor, c: Tensor, a: Tensor) -> Tensor:
        state = x.new_zeros(*x.shape[1:], a.shape[-1])
        starts, outputs = [], []
        for part in _blocks(len(x)):
            starts.append(state)
            decay, states = _states(x[part], delta[part], b[part], a, state)
            outputs.append(torch.einsum('lngde,lnge->lngd', states, c[part]))
            state = states[-1].clone()
            del decay, states
        ctx.save_for_backward(x, delta, b, c, a, *starts)
        return torch.cat(outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        x, delta, b, c, a, *starts = ctx.saved_tensors
        out = [torch.empty_like(tensor) for tensor in (x, delta, b, c)]
        grad_a = torch.zeros_like(a)
        later = (torch.zeros_like(starts[0]), torch.ones_like(starts[0]))
        for part, start in zip(_blocks(len(x))[::-1], starts[::-1], strict=True):
            inputs = (x[part], delta[part], b[part], c[part])
            *block, grad_of_a, later = _block_gradients(inputs, a, start, grads[0][part], later)
            grad_a += grad_of_a
            for whole, value in zip(out, block, strict=True):
                whole[part] = value
        return (*out, grad_a)


def _blocks(length: int) -> list[slice]:
    size = _STEPS * _SEGMENTS
    return [slice(start, start + size) for start in range(0, length, size)]


def _states(x: Tensor, delta: Tensor, b: Tensor, a: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return the decays exp(delta * a) and the states of a block, (L, N, G, D, E) each."""
    decay = (delta[..., None] * a).exp_()
    added = (delta * x)[..., None] * b[..., None, :]
    return decay, linear_recurrence(decay.clone(), added, state)


def _block_gradients(
    inputs: tuple[Tensor, ...], a: Tensor, start: Tensor, grad: Tensor, later: tuple[Tensor, ...]
) -> tuple[Any, ...]:
    """Return the gradients of x, delta, b, c and a, and what the block before needs.

    Args:
        inputs: x, delta, b and c of the block.
        a: (G, D, E).
        start: State before the block.
        grad: Gradient of its output.
        later: Gradient of the state of the token after the block, and the decay of that token.
    """
    x, delta, b, c = inputs
    decay, states = _states(x, delta, b, a, start)
    grad_c = torch.einsum('lngde,lngd->lnge', states, grad)
    # Backward in time: the gradient of a state is g = c * grad + decay of the next * g of the next.
    factors = torch.cat([decay[1:], later[1][None]]).flip(0)
    through = (grad[..., None] * c[..., None, :]).flip(0)
    through = linear_recurrence(factors, through, later[0]).flip(0)
    previous = torch.cat([start[None], states[:-1]])
    of_logs = previous.mul_(through).mul_(decay)  # of delta * a
    of_product = torch.einsum('lngde,lnge->lngd', through, b)  # of delta * x
    grad_b = torch.einsum('lngde,lngd->lnge', through, delta * x)
    grad_delta = (of_logs * a).sum(-1) + of_product * x
    grad_a = torch.einsum('lngde,lngd->gde', of_logs, delta)
    return of_product * delta, grad_delta, grad_b, grad_c, grad_a, (through[0], decay[0])
