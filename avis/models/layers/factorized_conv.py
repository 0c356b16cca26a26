"""Convolutions of a sequence of maps, factorized into space within a frame and time.

A sequence is kept as frames (B*T, C, H, W) in channels last. A convolution over time reads the same
memory as one image per clip, (B, C, T, H*W), so that both kinds are 2D convolutions, for which
every backend has fast kernels: on a CPU they take half of the time of 3D convolutions.

Source: the blocks of Liao et al., *A Light Weight Model for Active Speaker Detection*, CVPR 2023
(arXiv:2303.04439), and of *LR-ASD*, IJCV 2025.
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

BATCH_NORM: dict[str, Any] = {'type': 'BN', 'eps': 1e-3, 'momentum': 0.01}  # of both models
Kernel = tuple[int, int]
BlockKind = Literal['serial', 'parallel']
Memory = dict[nn.Module, Tensor]


class ConvNormReLU(nn.Module):
    """Convolution without bias that keeps the size, norm, ReLU.

    In evaluation the statistics of a batch norm become a part of the convolution.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Height and width of the kernel, both odd.
        stride: Stride in both directions.
        norm_cfg: Norm, as in mmcv.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Kernel,
        *,
        stride: int = 1,
        norm_cfg: dict[str, Any],
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride=stride, padding=padding, bias=False
        )
        self.norm = build_norm_layer(norm_cfg, out_channels)[1]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H', W')."""
        return self.convolve(x, self.conv.padding)

    def convolve(self, x: Tensor, padding: Any) -> Tensor:
        """As :meth:`forward` with another padding."""
        if self.training or not isinstance(self.norm, _BatchNorm):
            out = F.conv2d(x, self.conv.weight, None, self.conv.stride, padding)
            return F.relu(self.norm(out))
        mean, var = self.norm.running_mean, self.norm.running_var
        assert mean is not None  # as in evaluation
        assert var is not None
        scale = self.norm.weight * torch.rsqrt(var + self.norm.eps)
        weight = self.conv.weight * scale[:, None, None, None]
        bias = self.norm.bias - mean * scale
        out = F.conv2d(x, weight, bias, self.conv.stride, padding)
        return F.relu(out, inplace=True)


class TemporalConv(ConvNormReLU):
    """Convolution over time with ``size`` taps, norm, ReLU; zeros beyond the ends of a clip."""

    def __init__(self, channels: int, size: int, *, norm_cfg: dict[str, Any]) -> None:
        super().__init__(channels, channels, (size, 1), norm_cfg=norm_cfg)

    def forward(self, x: Tensor, length: int) -> Tensor:  # type: ignore[override]
        """Map the frames (B*T, C, H, W) of clips of ``length`` frames to the same shape."""
        return self._over_time(x, length, self.conv.padding)

    def stream(self, x: Tensor, memory: Memory, *, last: bool) -> Tensor:
        """Map the next frames (N, C, H, W) of one clip to the outputs that they complete.

        Args:
            x: The frames; N may be 0.
            memory: Frames that later outputs need, by module; starts empty.
            last: The clip ends with these frames.

        Returns:
            (M, C, H, W); after the last call as many as frames, as :meth:`forward` returns.
        """
        size = self.conv.kernel_size[0]
        zeros = x.new_zeros(size // 2, *x.shape[1:])
        zeros = zeros.contiguous(memory_format=torch.channels_last)  # as x: joined without a copy
        parts = [memory.get(self, zeros), x, *([zeros] if last else [])]
        x = torch.cat(parts).contiguous(memory_format=torch.channels_last)
        memory[self] = x[max(len(x) - size + 1, 0) :]
        return self._over_time(x, len(x), 0) if len(x) >= size else x[:0]

    def _over_time(self, x: Tensor, length: int, padding: Any) -> Tensor:
        clips = x.unflatten(0, (-1, length)).flatten(3).transpose(1, 2)  # (B, C, T, H*W), a view
        out = self.convolve(clips, padding).transpose(1, 2)
        return out.unflatten(3, x.shape[2:]).flatten(0, 1)


class SerialBlock(nn.Module):
    """The block of LR-ASD: two convolutions in space, then two over time.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        column: The maps are one column: kernels in space are (k, 1) instead of (k, k).
        stride: Stride of the first convolution in space.
        norm_cfg: Norm, as in mmcv.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        column: bool = False,
        stride: int = 1,
        norm_cfg: dict[str, Any],
    ) -> None:
        super().__init__()
        middle = out_channels // 2
        self.space1 = ConvNormReLU(
            in_channels, middle, _kernel(5, column), stride=stride, norm_cfg=norm_cfg
        )
        self.space2 = ConvNormReLU(middle, out_channels, _kernel(3, column), norm_cfg=norm_cfg)
        self.time1 = TemporalConv(out_channels, 5, norm_cfg=norm_cfg)
        self.time2 = TemporalConv(out_channels, 3, norm_cfg=norm_cfg)

    def forward(self, x: Tensor, length: int) -> Tensor:
        """Map the frames (B*T, C, H, W) of clips of ``length`` frames to (B*T, C', H', W')."""
        x = self.space2(self.space1(x))
        out: Tensor = self.time2(self.time1(x, length), length)
        return out

    def stream(self, x: Tensor, memory: Memory, *, last: bool) -> Tensor:
        """See :meth:`TemporalConv.stream`."""
        x = self.space2(self.space1(x))
        return self.time2.stream(self.time1.stream(x, memory, last=last), memory, last=last)


class ParallelBlock(nn.Module):
    """The block of Light-ASD: the sum of a branch of size 3 and one of size 5, then a projection.

    See :class:`SerialBlock` for the arguments; the stride is that of both branches.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        column: bool = False,
        stride: int = 1,
        norm_cfg: dict[str, Any],
    ) -> None:
        super().__init__()
        self.space3, self.space5 = (
            ConvNormReLU(
                in_channels, out_channels, _kernel(size, column), stride=stride, norm_cfg=norm_cfg
            )
            for size in (3, 5)
        )
        self.time3, self.time5 = (
            TemporalConv(out_channels, size, norm_cfg=norm_cfg) for size in (3, 5)
        )
        self.last = ConvNormReLU(out_channels, out_channels, (1, 1), norm_cfg=norm_cfg)

    def forward(self, x: Tensor, length: int) -> Tensor:
        """Map the frames (B*T, C, H, W) of clips of ``length`` frames to (B*T, C', H', W')."""
        small = self.time3(self.space3(x), length)
        large = self.time5(self.space5(x), length)
        out: Tensor = self.last(small + large)
        return out

    def stream(self, x: Tensor, memory: Memory, *, last: bool) -> Tensor:
        """See :meth:`TemporalConv.stream`."""
        small = self.time3.stream(self.space3(x), memory, last=last)
        large = self.time5.stream(self.space5(x), memory, last=last)
        small = torch.cat([memory.get(self, small[:0]), small])  # is a frame ahead
        memory[self] = small[len(large) :]
        out: Tensor = self.last(small[: len(large)] + large)
        return out


def build_blocks(
    kind: BlockKind,
    channels: tuple[int, ...],
    *,
    column: bool,
    stride: int,
    norm_cfg: dict[str, Any] | None,
) -> nn.ModuleList:
    """Build the blocks of an encoder of one input channel.

    Args:
        kind: 'serial' or 'parallel'.
        channels: Channels of each block.
        column: See :class:`SerialBlock`.
        stride: Stride of the first block.
        norm_cfg: Norm, as in mmcv; None for :data:`BATCH_NORM`.

    Raises:
        ValueError: Another kind.
    """
    blocks = {'serial': SerialBlock, 'parallel': ParallelBlock}
    if kind not in blocks:
        raise ValueError(f"block: expected 'serial' or 'parallel', got {kind!r}")
    widths = (1, *channels)
    return nn.ModuleList(
        blocks[kind](
            widths[index],
            width,
            column=column,
            stride=stride if index == 0 else 1,
            norm_cfg=norm_cfg or BATCH_NORM,
        )
        for index, width in enumerate(channels)
    )


def _kernel(size: int, column: bool) -> Kernel:
    return (size, 1 if column else size)
