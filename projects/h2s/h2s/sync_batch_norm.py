"""Synchronized batch norm that runs with gloo on CPUs, too."""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from avis.registry import MODELS


@MODELS.register_module()
class SyncBatchNorm(nn.SyncBatchNorm):
    """``nn.SyncBatchNorm``, which torch restricts to GPUs, with the same result on CPUs.

    One process computes a plain batch norm.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name of torch
        """Normalize a batch (N, C, H, W)."""
        if not self.training or input.is_cuda or not dist.is_initialized():
            return super().forward(input)
        return self._normalize(input)

    def _normalize(self, x: Tensor) -> Tensor:
        axes = (0, 2, 3)
        count = x.new_tensor([x.numel() / x.shape[1]])
        sums = all_reduce(torch.cat([x.sum(axes), x.square().sum(axes), count]))
        total = sums[-1].detach()
        mean, square = (sums[:-1] / total).chunk(2)
        variance = square - mean.square()
        with torch.no_grad():
            assert self.momentum is not None
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * total / (total - 1), self.momentum)
            self.num_batches_tracked += 1
        factor = self.weight * (variance + self.eps).rsqrt()
        offset = self.bias - mean * factor
        return x * factor[:, None, None] + offset[:, None, None]
