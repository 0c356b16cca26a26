"""Optimizer wrappers besides mmengine's."""

import contextlib
from collections.abc import Iterator

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from torch import nn

from avis.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Mixed precision in bfloat16, on the CPU or on a GPU that supports it.

    bfloat16 has the range of float32, so no loss scaling is needed; mmengine's
    ``AmpOptimWrapper`` scales the loss and requires a GPU.
    """

    @contextlib.contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass under autocast; gradients are accumulated as in the parent."""
        # Of the model, which may be on the CPU of a machine with a GPU.
        device = next(model.parameters()).device.type
        with super().optim_context(model), autocast(device, dtype=torch.bfloat16):
            yield
