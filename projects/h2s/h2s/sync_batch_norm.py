"""Batch norm with the statistics of all processes, also with gloo on CPUs."""

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce

from avis.registry import MODELS


@MODELS.register_module()
class SyncBatchNorm(nn.BatchNorm2d):
    """``nn.SyncBatchNorm``, which torch restricts to GPUs; in one process a plain batch norm."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalize a batch (N, C, H, W)."""
        if not self.training or not distributed.is_initialized():
            return super().forward(x)
        total = all_reduce(x.new_tensor(float(x.numel() // x.shape[1])))
        mean = all_reduce(x.sum((0, 2, 3))) / total
        centered = x - mean[:, None, None]
        variance = all_reduce(centered.square().sum((0, 2, 3))) / total
        self._update_statistics(mean.detach(), variance.detach() * total / (total - 1))
        factor = self.weight * (variance + self.eps).rsqrt()
        return centered * factor[:, None, None] + self.bias[:, None, None]

    @torch.no_grad()
    def _update_statistics(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked += 1
