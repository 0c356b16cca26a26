"""Mask2Former's pixel decoder: deformable attention over three levels, and one FPN step."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttention
from mmdet.models.layers import MSDeformAttnPixelDecoder
from mmengine.config import ConfigDict
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import MaskProjection
from avis.models.layers.linear import linear
from avis.models.layers.sine_encoding import sine_encoding
from avis.ops.deformable_attention import Shapes, deformable_attention
from avis.registry import MODELS


class PixelDecoderOutput(NamedTuple):
    """Output of a pixel decoder.

    Attributes:
        pixel_features: (N, C, h, w) at stride 4, before the projection to mask features.
        levels: Maps (N, C, h_i, w_i) at strides 32, 16 and 8.
    """

    pixel_features: Tensor
    levels: list[Tensor]


class DeformableSelfAttention(MultiScaleDeformableAttention):
    """mmcv's layer with the same weights, computed by :mod:`avis.ops` without compiled operators.

    Args:
        channels: C, width of every token.
        num_heads: Number of heads.
        num_levels: Number of levels of the pyramid.
        num_points: Points per head and level.
        kernel: See :func:`~avis.ops.deformable_attention.deformable_attention`.
    """

    def __init__(
        self, *, channels: int, num_heads: int, num_levels: int, num_points: int, kernel: str
    ) -> None:
        super().__init__(
            embed_dims=channels,
            num_heads=num_heads,
            num_levels=num_levels,
            num_points=num_points,
            dropout=0.0,
            batch_first=True,
        )
        self.kernel = kernel

    def forward(
        self, tokens: Tensor, position: Tensor, reference: Tensor, shapes: Shapes
    ) -> Tensor:
        """Attend from each token to a few points around it.

        Args:
            tokens: (N, S, C), of all positions of all levels.
            position: Positional encoding, (S, C).
            reference: Centers x, y of the positions in [0, 1], (S, 2).
            shapes: (h, w) of each level.

        Returns:
            (N, S, C), with the residual added.
        """
        return self.attend(tokens, position, reference, shapes).add(tokens)

    def attend(self, tokens: Tensor, position: Tensor, reference: Tensor, shapes: Shapes) -> Tensor:
        """Return :meth:`forward` without the residual."""
        images, length = tokens.shape[:2]
        samples = (self.num_heads, self.num_levels, self.num_points)
        query = tokens + position
        # Offsets are in pixels of the sampled level. One long axis: short ones are slow to add.
        per_pixel = torch.tensor(
            [[1 / width, 1 / height] * self.num_points for height, width in shapes],
            dtype=torch.float32,
        ).to(tokens.device, non_blocking=True)
        locations = torch.addcmul(
            reference.repeat(1, self.num_heads * self.num_levels * self.num_points),
            _project(query, self.sampling_offsets).float(),
            per_pixel.flatten().repeat(self.num_heads),
        )
        weights = _project(query, self.attention_weights)
        weights = weights.unflatten(-1, (self.num_heads, -1)).softmax(-1)
        attended = deformable_attention(
            _project(tokens, self.value_proj).unflatten(-1, (self.num_heads, -1)),
            shapes,
            locations.view(images, length, *samples, 2),
            weights.view(images, length, *samples),
            kernel=self.kernel,
        )
        return _project(attended, self.output_proj)


@MODELS.register_module()
class DeformablePixelDecoder(MSDeformAttnPixelDecoder):
    """``mmdet.MSDeformAttnPixelDecoder`` for any device, with the same weights and results.

    Deformable attention is that of :mod:`avis.ops`. Positions are encoded once, not per image, and
    maps are channels last, the layout of the transformer. The 1x1 convolution to mask features is
    not run, see :class:`~avis.models.decode_heads.frame_predictions.MaskProjection`.

    Source: Cheng et al., *Mask2Former*, CVPR 2022 (arXiv:2112.01527).

    Args:
        in_channels: Width of the four maps of the backbone, finest first.
        channels: C, width of all output maps.
        num_layers: Number of encoder layers.
        num_heads: Number of heads of deformable attention.
        num_points: Points per head and level.
        hidden_channels: Width within the feed-forward blocks.
        kernel: See :func:`~avis.ops.deformable_attention.deformable_attention`.
    """

    NUM_LEVELS = 3

    def __init__(
        self,
        *,
        in_channels: Sequence[int] = (256, 512, 1024, 2048),
        channels: int = 256,
        num_layers: int = 6,
        num_heads: int = 8,
        num_points: int = 4,
        hidden_channels: int = 1024,
        kernel: str = 'auto',
    ) -> None:
        if len(in_channels) != self.NUM_LEVELS + 1:
            raise ValueError(
                f'DeformablePixelDecoder: expected in_channels of {self.NUM_LEVELS + 1} maps, '
                f'finest first, got {tuple(in_channels)}'
            )
        attention: dict[str, Any] = {
            'embed_dims': channels,
            'num_heads': num_heads,
            'num_levels': self.NUM_LEVELS,
            'num_points': num_points,
            'batch_first': True,
        }
        layer = {
            'self_attn_cfg': attention,
            'ffn_cfg': {
                'embed_dims': channels,
                'feedforward_channels': hidden_channels,
                'num_fcs': 2,
                'ffn_drop': 0.0,
                'act_cfg': {'type': 'ReLU', 'inplace': True},
            },
        }
        super().__init__(
            in_channels=list(in_channels),
            feat_channels=channels,
            out_channels=channels,
            encoder=ConfigDict(num_layers=num_layers, layer_cfg=layer),
            positional_encoding={'num_feats': channels // 2, 'normalize': True},
        )
        self.channels = channels
        for encoder_layer in self.encoder.layers:
            encoder_layer.self_attn = DeformableSelfAttention(
                channels=channels,
                num_heads=num_heads,
                num_levels=self.NUM_LEVELS,
                num_points=num_points,
                kernel=kernel,
            )
        self.init_weights()

    def init_weights(self) -> None:
        """Initialize as the official code: mmdet draws feed-forward weights from a normal."""
        super().init_weights()
        for layer in self.encoder.layers:
            for linear_layer in (layer.ffn.layers[0][0], layer.ffn.layers[1]):
                nn.init.xavier_uniform_(linear_layer.weight)

    @property
    def projection(self) -> MaskProjection:
        """The projection from pixel features to mask features."""
        return MaskProjection(self.mask_feature.weight.flatten(1), self.mask_feature.bias)

    def forward(self, maps: Sequence[Tensor]) -> PixelDecoderOutput:
        """Map four maps (N, C_i, h_i, w_i) of a backbone, finest first, to pixel features."""
        return self.decode(*self.embed(maps))

    def embed(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor, Shapes]:
        """Project the three coarse maps of a backbone to tokens.

        Args:
            maps: Four maps (N, C_i, h_i, w_i), finest first.

        Returns:
            The finest map, tokens (N, S, C) of the others, coarsest first, and their (h, w).
        """
        if len(maps) != self.NUM_LEVELS + 1:
            raise ValueError(
                f'DeformablePixelDecoder: expected {self.NUM_LEVELS + 1} maps, finest first, got '
                f'{len(maps)}: set out_indices=(0, 1, 2, 3) in the backbone'
            )
        finest, *others = (x.contiguous(memory_format=torch.channels_last) for x in maps)
        others.reverse()
        tokens = [
            conv(level).flatten(2).transpose(1, 2)
            for conv, level in zip(self.input_convs, others, strict=True)
        ]
        return finest, torch.cat(tokens, 1), [(x.shape[-2], x.shape[-1]) for x in others]

    def decode(self, finest: Tensor, tokens: Tensor, shapes: Shapes) -> PixelDecoderOutput:
        """Encode the tokens of :meth:`embed`, and add the coarse levels to the finest map."""
        tokens = self._encode(tokens, shapes)
        parts = tokens.split([height * width for height, width in shapes], 1)
        levels = [
            part.transpose(1, 2).unflatten(2, shape)
            for part, shape in zip(parts, shapes, strict=True)
        ]
        above = F.interpolate(levels[-1], finest.shape[-2:], mode='bilinear')
        pixel_features = self.output_convs[0](self.lateral_convs[0](finest).add_(above))
        return PixelDecoderOutput(pixel_features, levels)

    def _encode(self, tokens: Tensor, shapes: Shapes) -> Tensor:
        """Encode tokens (N, S, C) of all levels by deformable self-attention; same shape."""
        position = torch.cat(
            [
                sine_encoding(shape, self.channels, device=tokens.device) + level
                for shape, level in zip(shapes, self.level_encoding.weight, strict=True)
            ]
        )
        reference = torch.cat([pixel_centers(shape, tokens.device) for shape in shapes])
        for layer in self.encoder.layers:
            tokens = layer.norms[0](layer.self_attn(tokens, position, reference, shapes))
            hidden = _project(tokens, layer.ffn.layers[0][0]).relu_()
            tokens = layer.norms[1](_project(hidden, layer.ffn.layers[1]).add(tokens))
        return tokens


def _project(tokens: Tensor, layer: nn.Module) -> Tensor:
    """Apply a linear layer built by mmcv to many tokens, or what a project has put in its place."""
    if type(layer) is nn.Linear:
        return linear(tokens, layer.weight, layer.bias)
    projected: Tensor = layer(tokens)
    return projected


def pixel_centers(shape: tuple[int, int], device: torch.device) -> Tensor:
    """Return the centers x, y of all pixels, in [0, 1] from edge to edge, (h * w, 2)."""
    height, width = shape
    y = (torch.arange(height, dtype=torch.float32, device=device) + 0.5) / height
    x = (torch.arange(width, dtype=torch.float32, device=device) + 0.5) / width
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)], -1).flatten(
        0, 1
    )
