"""Compiled kernels of multi-scale deformable attention from other packages.

All of them are optional. If one is installed and supports the device, its results and gradients on
a small problem are compared with those of PyTorch on first use; only a kernel that agrees is used,
and the log names it once. To add a kernel, write a function below and add it to KERNELS.
"""

import importlib.util
import logging
import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.autograd.function import once_differentiable

Attend = Callable[[Tensor, Sequence[tuple[int, int]], Tensor, Tensor], Tensor]

# The implementation for (kernel, device type); None for PyTorch.
_CHOSEN: dict[tuple[str, str], Attend | None] = {}
MAX_DIFFERENCE = 1e-3  # relative: kernels sum in another order, some in a lower precision


def choose_kernel(kernel: str, device: torch.device, reference: Attend) -> Attend | None:
    """Choose the kernel of a device.

    Args:
        kernel: ``'auto'``, ``'pytorch'`` or a name in ``KERNELS``.
        device: Device of the tensors.
        reference: The PyTorch implementation.

    Returns:
        The kernel, None for PyTorch.

    Raises:
        ValueError: Unknown name.
        ImportError: The named kernel is not installed, or does not support the device.
    """
    if kernel == 'pytorch' or torch.compiler.is_compiling():
        return None  # torch.compile fuses PyTorch operations, but not a compiled kernel
    key = (kernel, device.type)
    if key not in _CHOSEN:
        _CHOSEN[key] = _find(kernel, device, reference)
    return _CHOSEN[key]


def _find(kernel: str, device: torch.device, reference: Attend) -> Attend | None:
    if kernel != 'auto' and kernel not in KERNELS:
        raise ValueError(
            f'unknown kernel of deformable attention {kernel!r}, expected auto, pytorch or one of '
            f'{", ".join(KERNELS)}'
        )
    reasons = []
    for name in KERNELS if kernel == 'auto' else (kernel,):
        attend, reason = _try(name, device, reference)
        if attend is not None:
            print_log(f'Deformable attention on {device.type}: kernel of {name}', 'current')
            return attend
        reasons.append(f'{name}: {reason}')
    if kernel != 'auto':
        raise ImportError(
            f'deformable attention cannot use the kernel of {"; ".join(reasons)}. Set '
            f"kernel='auto' to fall back to PyTorch."
        )
    print_log(
        f'Deformable attention on {device.type}: PyTorch ({"; ".join(reasons)})',
        'current',
        logging.DEBUG if device.type == 'cpu' else logging.INFO,
    )
    return None


def _try(name: str, device: torch.device, reference: Attend) -> tuple[Attend | None, str]:
    """Return the kernel, or None and the reason why it cannot be used."""
    try:
        attend = KERNELS[name](device)
    except ImportError as error:
        return None, str(error)
    try:
        # An incompatible version of the other package may raise any of the errors below.
        difference = compare_kernels(attend, reference, device)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        reason = f'fails on a small problem with {type(error).__name__}: {error}'
    else:
        if difference <= MAX_DIFFERENCE:
            return attend, ''
        reason = f'differs from PyTorch by {difference:.2g}'
    print_log(f'Deformable attention: the kernel of {name} {reason}', 'current', logging.WARNING)
    return None, reason


def compare_kernels(attend: Attend, reference: Attend, device: torch.device) -> float:
    """Return the largest relative difference of results and gradients on a small problem.

    It is infinite if any value is not finite.
    """
    shapes = [(5, 7), (9, 6)]
    generator = torch.Generator().manual_seed(0)
    value = torch.randn(2, 5 * 7 + 9 * 6, 8, 32, generator=generator)
    locations = torch.rand(2, 11, 8, 2, 4, 2, generator=generator) * 1.2 - 0.1
    weights = torch.rand(2, 11, 8, 2, 4, generator=generator) / 8
    results = []
    for function in (attend, reference):
        inputs = [x.to(device).requires_grad_() for x in (value, locations, weights)]
        with torch.enable_grad():
            out = function(inputs[0], shapes, inputs[1], inputs[2])
            gradients = torch.autograd.grad(out.square().sum(), inputs)
        results.append([out.detach(), *gradients])
    # Gradients have different scales: those of locations grow with the size of the map.
    differences = [
        ((ours - theirs).abs().max() / theirs.abs().max()).item()
        for ours, theirs in zip(*results, strict=True)
    ]
    return max(differences) if all(map(math.isfinite, differences)) else math.inf


class _CompiledAttention(torch.autograd.Function):
    """The compiled forward and backward functions of mmcv and Deformable DETR, of one signature."""

    @staticmethod
    def forward(
        ctx: Any,
        value: Tensor,
        locations: Tensor,
        weights: Tensor,
        shapes: Tensor,
        starts: Tensor,
        module: ModuleType,
    ) -> Tensor:
        ctx.module = module
        ctx.save_for_backward(value, shapes, starts, locations, weights)
        step = _images_per_launch(len(value))
        out: Tensor = module.ms_deform_attn_forward(value, shapes, starts, locations, weights, step)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        arguments = (*saved, grad.contiguous())
        step = _images_per_launch(len(saved[0]))
        gradients = [torch.zeros_like(saved[index]) for index in (0, 3, 4)]
        # mmcv writes into given gradients, Deformable DETR returns new ones.
        if ctx.module.__name__ == 'mmcv._ext':
            ctx.module.ms_deform_attn_backward(*arguments, *gradients, step)
        else:
            gradients = ctx.module.ms_deform_attn_backward(*arguments, step)
        return (*gradients, None, None, None)


def _images_per_launch(images: int) -> int:
    """Return the largest divisor of the number of images that is at most 64."""
    return max(step for step in range(1, min(images, 64) + 1) if images % step == 0)


def _tables(shapes: Sequence[tuple[int, int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return heights and widths (L, 2), and the index of the first position of each level (L,)."""
    sizes = torch.tensor(shapes, device=device)
    return sizes, sizes.prod(1).cumsum(0) - sizes.prod(1)


def _compiled(module: ModuleType) -> Attend:
    def attend(
        value: Tensor, shapes: Sequence[tuple[int, int]], locations: Tensor, weights: Tensor
    ) -> Tensor:
        tensors = (value.contiguous(), locations.contiguous(), weights.contiguous())
        out: Tensor = _CompiledAttention.apply(*tensors, *_tables(shapes, value.device), module)
        return out

    return attend


def _mmcv(device: torch.device) -> Attend:
    _need_gpu(device)
    module = importlib.import_module('mmcv._ext')
    if getattr(module, '__file__', None) is None:  # the placeholder of avis.utils.compat
        raise ImportError('this mmcv has no compiled operators')
    return _compiled(module)


def _deformable_detr(device: torch.device) -> Attend:
    _need_gpu(device)
    _need('MultiScaleDeformableAttention')
    return _compiled(importlib.import_module('MultiScaleDeformableAttention'))


def _deformops(device: torch.device) -> Attend:
    _need_gpu(device)
    _need('deformops')
    registry = importlib.import_module('deformops.registry')

    def attend(
        value: Tensor, shapes: Sequence[tuple[int, int]], locations: Tensor, weights: Tensor
    ) -> Tensor:
        tables = _tables(shapes, value.device)
        out: Tensor = registry.msda(
            value, *tables, locations, weights, method=registry.MSDAMethod.LINEAR
        )
        return out

    return attend


def _need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ImportError(f'{module} is not installed')


def _need_gpu(device: torch.device) -> None:
    if device.type != 'cuda':
        raise ImportError(f'has no kernel for {device.type}')


# In the order in which 'auto' tries them. Each raises ImportError if it cannot be used.
KERNELS: dict[str, Callable[[torch.device], Attend]] = {
    'mmcv': _mmcv,
    'deformops': _deformops,
    'deformable_detr': _deformable_detr,
}
