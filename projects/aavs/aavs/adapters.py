"""Bottleneck adapters."""

from torch import Tensor, nn


class Adapter(nn.Sequential):
    """Two linear layers with a ReLU in between; the hidden width is a quarter.

    Args:
        channels: Width of input and output.
    """

    def __init__(self, channels: int) -> None:
        hidden = channels // 4
        super().__init__(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))


class AdaptedLinear(nn.Linear):
    """A linear layer followed by an adapter; its own weights keep their names.

    Args:
        in_features: Width of the input.
        out_features: Width of the output.
        residual: Add the adapter to the output of the layer, instead of replacing it.
    """

    def __init__(self, in_features: int, out_features: int, *, residual: bool) -> None:
        super().__init__(in_features, out_features)
        self.residual = residual
        self.adapter = Adapter(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C')."""
        out = super().forward(x)
        adapted: Tensor = self.adapter(out)
        return out + adapted if self.residual else adapted
