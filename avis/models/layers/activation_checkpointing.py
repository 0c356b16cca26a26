"""Activation checkpointing: recompute activations in the backward pass instead of keeping them."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def checkpoint_activations(module: nn.Module, *inputs: Any) -> Any:
    """Run a module and keep only its inputs; the backward pass runs it a second time.

    Outputs, gradients and running statistics are those of ``module(*inputs)``: batch norms
    update their statistics once. (mmdet's ``with_cp`` updates them twice.) Without gradients, and
    within ``torch.compile``, which cannot trace that, the module runs plainly.

    Args:
        module: Any module; random layers draw the same values in both passes.
        inputs: Arguments of its forward.

    Returns:
        The output of the module.
    """
    if torch.compiler.is_compiling():  # the compiler chooses what to recompute by itself
        return module(*inputs)
    return recompute(
        module,
        *inputs,
        context_fn=lambda: (contextlib.nullcontext(), _keep_statistics(module)),
    )


def recompute(function: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
    """Call a function and keep only its inputs; the backward pass calls it a second time.

    Without gradients nothing is kept anyway, and the function is called plainly: the first call of
    torch's checkpoint imports the compiler.

    Args:
        function: A function without state.
        inputs: Its arguments.
        options: Options of :func:`torch.utils.checkpoint.checkpoint`.

    Returns:
        What the function returns.
    """
    if not torch.is_grad_enabled():
        return function(*inputs)
    return checkpoint(function, *inputs, use_reentrant=False, **options)


@contextlib.contextmanager
def _keep_statistics(module: nn.Module) -> Iterator[None]:
    """Let batch norms update copies of their running statistics within this block."""
    norms = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    buffers = [dict(norm._buffers) for norm in norms]
    for norm in norms:
        for name, value in norm._buffers.items():
            norm._buffers[name] = None if value is None else value.clone()
    try:
        yield
    finally:
        for norm, kept in zip(norms, buffers, strict=True):
            norm._buffers.update(kept)
