"""Neck of the AVSBench models: dilated convolutions map every backbone stage to one width."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from avis.registry import MODELS


@MODELS.register_module()
class DilatedConvNeck(nn.Module):
    """Sum of parallel dilated 3x3 convolutions, one set per pyramid level.

    Source: Zhou et al., *Audio-Visual Segmentation*, ECCV 2022 (arXiv:2207.05042).

    Args:
        in_channels: C_i, channels of each level.
        out_channels: C, channels of every output.
        dilations: Dilation, and padding, of the parallel convolutions.
        init_std: Standard deviation of the initial weights, drawn from a normal distribution with
            mean 0; the official code has 0.01 for its 64 to 2048 channels, which is too small for
            narrow models. None leaves them as PyTorch draws them, like the biases in any case.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        out_channels: int = 256,
        dilations: Sequence[int] = (3, 6, 12, 18),
        init_std: float | None = None,
    ) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.ModuleList(
                nn.Conv2d(channels, out_channels, 3, padding=dilation, dilation=dilation)
                for dilation in dilations
            )
            for channels in in_channels
        )
        for conv in self.modules():
            if isinstance(conv, nn.Conv2d) and init_std is not None:
                nn.init.normal_(conv.weight, std=init_std)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Map maps (N, C_i, H_i, W_i), finest first, to maps (N, C, H_i, W_i)."""
        if len(maps) != len(self.levels):
            raise ValueError(
                f'DilatedConvNeck: expected {len(self.levels)} maps, one per entry of in_channels, '
                f'got {len(maps)}. Make neck.in_channels and backbone.out_indices agree.'
            )
        return [_sum(level, x) for level, x in zip(self.levels, maps, strict=True)]


def _sum(convs: nn.Module, x: Tensor) -> Tensor:
    first, *others = convs.children()
    out = _dilated_conv(first, x)
    for conv in others:
        out += _dilated_conv(conv, x)  # in place: no convolution reads its own output
    return out


def _dilated_conv(conv: nn.Module, x: Tensor) -> Tensor:
    """Convolve without the taps that only ever read zero padding.

    With a dilation not smaller than the map, the outer taps are outside at every position; the
    small maps of a 224 x 224 input need a third or a ninth of their kernel.
    """
    assert isinstance(conv, nn.Conv2d)
    dilation = conv.dilation[0]
    inside = [dilation < size for size in x.shape[-2:]]
    rows, columns = (slice(None) if is_inside else slice(1, 2) for is_inside in inside)
    padding = [dilation if is_inside else 0 for is_inside in inside]
    weight = conv.weight[:, :, rows, columns]
    return F.conv2d(x, weight, conv.bias, padding=padding, dilation=dilation)
