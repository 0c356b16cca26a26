"""Trade time for memory: forget activations, and make them again when the gradient needs them."""

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def checkpoint_activations(module: nn.Module, *inputs: Any) -> Any:
    """Run a module and keep only its inputs for the backward pass, which runs it a second time.

    Outputs, gradients and running statistics are those of ``module(*inputs)``: batch norms count
    the batch once. (mmdet's ``with_cp`` counts it twice.)

    Args:
        module: Any module; random layers draw the same values again.
        inputs: Tensors, or anything else, for its forward.
    """
    norms = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    return checkpoint(
        module,
        *inputs,
        use_reentrant=False,
        context_fn=lambda: (contextlib.nullcontext(), _statistics_kept(norms)),
    )


@contextlib.contextmanager
def _statistics_kept(norms: list[_BatchNorm]) -> Iterator[None]:
    """Within this block batch norms update copies of their running statistics."""
    buffers = [dict(norm._buffers) for norm in norms]
    for norm in norms:
        for name, value in norm._buffers.items():
            norm._buffers[name] = None if value is None else value.clone()
    try:
        yield
    finally:
        for norm, kept in zip(norms, buffers, strict=True):
            norm._buffers.update(kept)
