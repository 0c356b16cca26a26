"""Decoder of the AVSBench models: refine from coarse to fine, then upsample to the input size."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.activation_checkpointing import recompute
from avis.registry import MODELS


class ResidualConvUnit(nn.Module):
    """Two 3x3 convolutions with a skip connection, for a map after ReLU.

    The official unit applies an in-place ReLU to its input, so its skip connection carries relu(x),
    not x. Here the caller applies the ReLU.

    Args:
        channels: C of input and output.
    """

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, H, W), after ReLU, to the same shape, before ReLU."""
        out = self.conv2(F.relu(self.conv1(x), inplace=True))
        out += x  # in place: no convolution reads its own output
        return out


class RefineBlock(nn.Module):
    """Add the upsampled coarser level to a level of the pyramid, and refine.

    Args:
        channels: C of input and output.
        has_top: False for the coarsest level.
    """

    def __init__(self, *, channels: int, has_top: bool) -> None:
        super().__init__()
        self.unit1 = ResidualConvUnit(channels=channels) if has_top else None
        self.unit2 = ResidualConvUnit(channels=channels)

    def forward(self, level: Tensor, top: Tensor | None) -> Tensor:
        """Map level (N, C, H, W), after ReLU, and top (N, C, H/2, W/2) to (N, C, H, W)."""
        if self.unit1 is not None and top is not None:
            level = F.relu(self.unit1(level).add_(_double(top, corners=True)), inplace=True)
        out: Tensor = self.unit2(level)
        return out


@MODELS.register_module()
class RefineFPNHead(nn.Module):
    """Map four maps after ReLU, finest first, to logits at the size of the input.

    The two convolutions on upsampled maps run frame by frame, and the upsampled maps are recomputed
    in the backward pass: they would take half of the memory of a training step apart from the
    backbone, and interpolation costs almost no time.

    Source: Zhou et al., *Audio-Visual Segmentation*, ECCV 2022 (arXiv:2207.05042).

    Args:
        num_classes: K; 1 for the binary task (one logit: sounding or not).
        channels: C, width of the maps; a multiple of 8. The last convolutions have C / 2 and C / 8.
        classifier_channels: Width of the last convolution, whose output passes a ReLU before the
            classifier; None for C / 8. If it is narrow, the initial weights of the classifier may
            all be negative, so that no logit exceeds the bias and every mask stays empty.
    """

    NUM_LEVELS = 4

    def __init__(
        self, *, num_classes: int, channels: int = 256, classifier_channels: int | None = None
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        last = classifier_channels or channels // 8
        self.blocks = nn.ModuleList(
            RefineBlock(channels=channels, has_top=level < self.NUM_LEVELS - 1)
            for level in range(self.NUM_LEVELS)
        )
        self.conv1 = nn.Conv2d(channels, channels // 2, 3, padding=1)
        self.conv2 = nn.Conv2d(channels // 2, last, 3, padding=1)
        self.classifier = nn.Conv2d(last, num_classes, 1)

    def forward(self, maps: Sequence[Tensor], valid: Tensor | None = None) -> Tensor:
        """Map features (N, C, H/4, W/4) and coarser to logits (N, K, H, W).

        Args:
            maps: Maps after ReLU, finest first, each half as large as the previous one.
            valid: (N, 1, 1, 1), 0 on padding frames, whose logits become 0.
        """
        out = None
        for block, level in zip(reversed(self.blocks), reversed(maps), strict=True):
            out = block(level, out)
            out = out if valid is None else out * valid
        assert out is not None
        logits = torch.cat([self._classify(frame) for frame in out.split(1)])
        return logits if valid is None else logits * valid

    def _classify(self, x: Tensor) -> Tensor:
        """Map one refined frame (1, C, H/4, W/4) to logits (1, K, H, W)."""
        # The recomputation ends before the convolution, whose input is all that is needed.
        for conv, corners in ((self.conv1, True), (self.conv2, False)):
            x = recompute(self._upsample_and_convolve, conv, x, corners, preserve_rng_state=False)
        logits: Tensor = self.classifier(F.relu(x, inplace=True))
        return logits

    @staticmethod
    def _upsample_and_convolve(conv: nn.Conv2d, x: Tensor, corners: bool) -> Tensor:
        out: Tensor = conv(_double(x, corners=corners))
        return out


def _double(x: Tensor, *, corners: bool) -> Tensor:
    """Upsample (N, C, H, W) to (N, C, 2H, 2W)."""
    return F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=corners)
