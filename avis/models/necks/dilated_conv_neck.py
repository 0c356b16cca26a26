"""Neck of the AVSBench models: every stage of the backbone to one width, with a wide view."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from avis.registry import MODELS


@MODELS.register_module()
class DilatedConvNeck(nn.Module):
    """Sum of parallel dilated 3x3 convolutions, one such set per pyramid level.

    Source: Zhou et al., *Audio-Visual Segmentation*, ECCV 2022 (arXiv:2207.05042).

    Args:
        in_channels: Channels of each level.
        out_channels: C, channels of every output.
        dilations: Dilation, and padding, of the parallel convolutions.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        out_channels: int = 256,
        dilations: Sequence[int] = (3, 6, 12, 18),
    ) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.ModuleList(
                nn.Conv2d(channels, out_channels, 3, padding=dilation, dilation=dilation)
                for dilation in dilations
            )
            for channels in in_channels
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Bring maps (N, C_i, H_i, W_i), finest first, to (N, C, H_i, W_i)."""
        if len(maps) != len(self.levels):
            raise ValueError(
                f'DilatedConvNeck has in_channels for {len(self.levels)} levels, but the backbone '
                f'gives {len(maps)} maps. Make neck.in_channels and backbone.out_indices agree.'
            )
        return [_sum(level, x) for level, x in zip(self.levels, maps, strict=True)]


def _sum(convs: nn.Module, x: Tensor) -> Tensor:
    first, *others = convs.children()
    out = _dilated_conv(first, x)
    for conv in others:
        out += _dilated_conv(conv, x)  # in place: no convolution reads its own output
    return out


def _dilated_conv(conv: nn.Module, x: Tensor) -> Tensor:
    """Convolve, leaving out the taps that only ever meet the zero padding.

    With a dilation not smaller than the map, the outer taps lie outside wherever the kernel
    stands; the small maps of a 224 x 224 input need a third or a ninth of their kernel.
    """
    assert isinstance(conv, nn.Conv2d)
    dilation = conv.dilation[0]
    inside = [dilation < size for size in x.shape[-2:]]
    rows, columns = (slice(None) if reaches else slice(1, 2) for reaches in inside)
    padding = [dilation if reaches else 0 for reaches in inside]
    weight = conv.weight[:, :, rows, columns]
    return F.conv2d(x, weight, conv.bias, padding=padding, dilation=dilation)
