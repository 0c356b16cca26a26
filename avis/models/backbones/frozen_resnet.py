"""mmdet's ResNet with frozen batch norms, folded into the convolutions before them."""

from typing import Any

import torch
import torch.nn.functional as F
from mmdet.models.backbones import ResNet
from mmdet.models.backbones.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn

from avis.models.backbones.pretrained import load_pretrained
from avis.registry import MODELS


@MODELS.register_module()
class FrozenResNet(ResNet):
    """``mmdet.ResNet`` whose batch norms keep their initial statistics, weights and biases.

    A frozen norm is a factor and an offset per channel: in training they are folded into the
    convolution, so that no norm is computed. In evaluation every operation equals that of
    ``mmdet.ResNet`` bit by bit: masked attention compares logits with a threshold, and a rounding
    of 1e-6 in the backbone was measured to change an attention mask, and by that the output of the
    clip module by 3e-3. Weights and results are those of ``mmdet.ResNet`` with
    ``norm_cfg=dict(type='BN', requires_grad=False)`` and ``norm_eval=True``.

    Use pretrained weights: a frozen norm with mean 0 and variance 1 has no effect.

    Args:
        depth: 18, 34, 50, 101 or 152; the stride of a bottleneck is in its 3x3 convolution.
        init_cfg: ``dict(type=PretrainedInit, checkpoint=...)`` loads torchvision's weights.
    """

    def __init__(self, *, depth: int = 50, init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(
            depth=depth,
            norm_cfg={'type': 'BN', 'requires_grad': False},
            norm_eval=True,
            style='pytorch',
            zero_init_residual=False,  # a frozen weight of 0 would stay 0
            init_cfg=init_cfg,
        )

    def init_weights(self) -> None:
        """Load pretrained weights, those of torchvision for example, or initialize at random."""
        if not load_pretrained(self, 'torchvision_resnet'):
            super().init_weights()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) to the maps of the four stages, finest first."""
        if not self.training:
            outs: tuple[Tensor, ...] = super().forward(x)
            return outs
        x = x.contiguous(memory_format=torch.channels_last)
        x = F.max_pool2d(F.relu_(_convolve(x, self.conv1, self.norm1)), 3, stride=2, padding=1)
        maps = []
        for name in self.res_layers:
            for block in getattr(self, name):
                x = _run_block(block, x)
            maps.append(x)
        return tuple(maps)


def _run_block(block: BasicBlock | Bottleneck, x: Tensor) -> Tensor:
    skip = x if block.downsample is None else _convolve(x, block.downsample[0], block.downsample[1])
    out = F.relu_(_convolve(x, block.conv1, block.norm1))
    out = _convolve(out, block.conv2, block.norm2)
    if isinstance(block, Bottleneck):
        out = _convolve(F.relu_(out), block.conv3, block.norm3)
    return F.relu_(out.add_(skip))


def _convolve(x: Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> Tensor:
    """Apply convolution and frozen norm as one convolution."""
    mean, variance = norm.get_buffer('running_mean'), norm.get_buffer('running_var')
    factor = norm.weight * torch.rsqrt(variance + norm.eps)
    weight = conv.weight * factor[:, None, None, None]
    return F.conv2d(x, weight, norm.bias - mean * factor, conv.stride, conv.padding)
