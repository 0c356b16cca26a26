"""The official form of TPAVI, with its N x N matrix: the reference of the benchmark."""

import torch
from torch import Tensor, nn

from avis.models.fusion.tpavi import TPAVI


class PublishedTPAVI(nn.Module):
    """The computation of the paper with the weights of a TPAVI block of avis.

    Sound is repeated over all positions, the three projections and W_z are 1x1x1 convolutions over
    the clip, every position is compared with every other, and the clip is one group of frames.

    Args:
        block: Whose weights to use.
    """

    def __init__(self, block: TPAVI) -> None:
        super().__init__()
        self.block = block

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Map visual (B, T, C, H, W) and audio (B, T, D) to the outputs of the block."""
        block, (height, width) = self.block, visual.shape[-2:]
        x = visual.transpose(1, 2)  # (B, C, T, H, W)
        audio_embed = block.audio_proj(audio)  # (B, T, C)
        repeated = audio_embed.transpose(1, 2)[..., None, None].expand(-1, -1, -1, height, width)
        theta = _pointwise(block.theta, x).flatten(2)  # (B, C/2, N)
        phi = _pointwise(block.phi, repeated.contiguous()).flatten(2)
        g = _pointwise(block.g, x).flatten(2).transpose(1, 2)  # (B, N, C/2)
        pairs = theta.transpose(1, 2) @ phi  # (B, N, N)
        y = (pairs / pairs.shape[-1]) @ g
        y = y.transpose(1, 2).contiguous().unflatten(2, x.shape[2:])
        z = block.norm(_pointwise(block.out_proj, y)) + x
        z = block.layer_norm(z.permute(0, 2, 3, 4, 1))  # (B, T, H, W, C)
        return z.permute(0, 1, 4, 2, 3), audio_embed


def _pointwise(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply a linear layer as a convolution over a clip (B, C, T, H, W)."""
    return torch.conv3d(x, layer.weight[..., None, None, None], layer.bias)
