"""Decoder of the AVSBench models: refine from coarse to fine, then upsample to the input."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from avis.registry import MODELS


class ResidualConvUnit(nn.Module):
    """Two 3x3 convolutions with a skip, for a map that is rectified already.

    The authors rectify the input of the unit in place, so their skip carries relu(x), not x. Here
    the caller rectifies, and everybody sees the same map.

    Args:
        channels: C of input and output.
    """

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map rectified x (N, C, H, W) to the same shape; the result is not rectified."""
        out = self.conv2(F.relu(self.conv1(x), inplace=True))
        out += x  # in place: no convolution reads its own output
        return out


class RefineBlock(nn.Module):
    """Add one level of the pyramid to what comes from above, refine, and double the size.

    Args:
        channels: C of input and output.
        has_top: False for the coarsest level, which has nothing above it.
    """

    def __init__(self, *, channels: int, has_top: bool) -> None:
        super().__init__()
        self.unit1 = ResidualConvUnit(channels=channels) if has_top else None
        self.unit2 = ResidualConvUnit(channels=channels)

    def forward(self, level: Tensor, top: Tensor | None) -> Tensor:
        """Map rectified level and top, both (N, C, H, W), to (N, C, 2H, 2W)."""
        if self.unit1 is not None:
            level = F.relu(self.unit1(level).add_(top), inplace=True)
        return F.interpolate(self.unit2(level), scale_factor=2, mode='bilinear', align_corners=True)


@MODELS.register_module()
class RefineFPNHead(nn.Module):
    """From four rectified maps, finest first, to logits at the size of the input.

    Source: Zhou et al., *Audio-Visual Segmentation*, ECCV 2022 (arXiv:2207.05042).

    Args:
        num_classes: K; 1 for the binary task (one logit: sounding or not).
        channels: C, width of the maps.
    """

    NUM_LEVELS = 4

    def __init__(self, *, num_classes: int, channels: int = 256) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.blocks = nn.ModuleList(
            RefineBlock(channels=channels, has_top=level < self.NUM_LEVELS - 1)
            for level in range(self.NUM_LEVELS)
        )
        self.conv1 = nn.Conv2d(channels, 128, 3, padding=1)
        self.conv2 = nn.Conv2d(128, 32, 3, padding=1)
        self.classifier = nn.Conv2d(32, num_classes, 1)

    def forward(self, maps: Sequence[Tensor], valid: Tensor | None = None) -> Tensor:
        """Map features (N, C, H/4, W/4) and coarser to logits (N, K, H, W).

        Args:
            maps: Rectified maps, finest first, each half as large as the one before.
            valid: (N, 1, 1, 1), 0 on padding frames, whose logits become 0.
        """
        out = None
        for block, level in zip(reversed(self.blocks), reversed(maps), strict=True):
            out = block(level, out)
            out = out if valid is None else out * valid
        out = F.interpolate(self.conv1(out), scale_factor=2, mode='bilinear')
        logits = self.classifier(F.relu(self.conv2(out), inplace=True))
        return logits if valid is None else logits * valid
