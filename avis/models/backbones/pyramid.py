"""Turn the maps of any image network into the four maps that the models of avis read."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.transformers_loading import freeze_modules, set_frozen_to_eval

STRIDES = (4, 8, 16, 32)


class PyramidBackbone(nn.Module):
    """Base of backbones around networks of other packages: maps at strides 4, 8, 16 and 32.

    With four maps each is the source of one output; with fewer a map is the source of several. A
    map at another stride is resized; 1x1 convolutions change its width if ``out_channels`` is set.

    Args:
        network: Built by a subclass.
        channels: Width of each map of the network, finest first.
        patch: Images are resized to multiples of it, for networks with patches of 14 pixels.
        out_channels: Width of the four outputs; None for the widths of their sources.
        frozen_stages: Number of maps of the network, from the finest one, whose parameters are not
            trained, with all before them.
        probe_side: Height and width of an image that the network accepts.
    """

    out_indices = (0, 1, 2, 3)

    def __init__(
        self,
        *,
        network: Any,
        channels: Sequence[int],
        patch: int,
        out_channels: Sequence[int] | None,
        frozen_stages: int,
        probe_side: int,
    ) -> None:
        super().__init__()
        name, count = type(self).__name__, len(channels)
        if not 0 <= frozen_stages <= count:
            raise ValueError(
                f'{name}: expected frozen_stages from 0 to {count}, the number of maps, got '
                f'{frozen_stages}'
            )
        if out_channels is not None and len(out_channels) != len(STRIDES):
            raise ValueError(
                f'{name}: expected out_channels of {len(STRIDES)} maps, got {tuple(out_channels)}'
            )
        self.network, self.patch, self.num_maps = network, patch, count
        steps = len(STRIDES) - 1
        self.sources = [round(i * (count - 1) / steps) for i in range(steps + 1)]
        widths = [channels[source] for source in self.sources]
        self.out_channels = tuple(widths if out_channels is None else out_channels)
        self.neck = nn.ModuleList(
            nn.Identity() if out_channels is None else nn.Conv2d(width, out, 1)
            for width, out in zip(widths, self.out_channels, strict=True)
        )
        if frozen_stages == count:
            freeze_modules(network)
        elif frozen_stages:
            freeze_modules(network, self._parameters_before(frozen_stages - 1, probe_side))

    @abstractmethod
    def compute_maps(self, images: Tensor) -> Sequence[Tensor]:
        """Return the maps (N, C_i, h_i, w_i) of the network, finest first."""

    def _parameters_before(self, index: int, side: int) -> set[str]:
        """Return the names of the parameters on which a map depends, by its gradient."""
        training = self.network.training
        self.network.eval()
        with torch.enable_grad():
            output = self.compute_maps(torch.zeros(1, 3, side, side))[index].sum()
        names, parameters = zip(*self.network.named_parameters(), strict=True)
        gradients = torch.autograd.grad(output, parameters, allow_unused=True)
        self.network.train(training)
        return {name for name, grad in zip(names, gradients, strict=True) if grad is not None}

    def train(self, mode: bool = True) -> 'PyramidBackbone':
        """Set the mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        set_frozen_to_eval(self.network)
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) to maps (N, C_i, H / s, W / s) at strides s of 4 to 32."""
        height, width = x.shape[-2:]
        size = [-(-side // self.patch) * self.patch for side in (height, width)]
        maps = self.compute_maps(_resize(x, size))
        return tuple(
            conv(_resize(maps[source], [height // stride, width // stride]))
            for stride, source, conv in zip(STRIDES, self.sources, self.neck, strict=True)
        )


def _resize(x: Tensor, size: list[int]) -> Tensor:
    """Resize (N, C, h, w) bilinearly, averaging where it becomes smaller."""
    if list(x.shape[-2:]) == size:
        return x
    return F.interpolate(x, size, mode='bilinear', antialias=True)
