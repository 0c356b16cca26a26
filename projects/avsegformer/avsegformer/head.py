"""The head of AVSegFormer: from maps of a backbone and audio tokens to logits."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.linear import linear
from avis.models.layers.sine_encoding import sine_encoding
from avis.models.necks.deformable_pixel_decoder import DeformableSelfAttention, pixel_centers
from avis.registry import MODELS
from avsegformer.layers import AudioMixer, DecoderLayer, EncoderLayer
from avsegformer.query_generator import QueryGenerator

_GROUPS = 32  # of GroupNorm
_MASK_STRIDE = 4
_OUTPUT_CHANNELS = (128, 32)


class QueryMLP(nn.Module):
    """Maps of the products of Q queries with a map, then three 1x1 convolutions over the queries.

    The first convolution is applied to the queries instead of to their Q products: the same
    function without maps of Q channels. The hidden maps of a frame, 16 times as large as its
    features, are computed frame by frame.

    Args:
        num_queries: Q.
        channels: C, width of queries, map and result.
        hidden_channels: Width of the two hidden layers.
    """

    def __init__(self, num_queries: int, channels: int, hidden_channels: int) -> None:
        super().__init__()
        widths = (num_queries, hidden_channels, hidden_channels, channels)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in pairwise(widths))

    def forward(self, queries: Tensor, features: Tensor) -> Tensor:
        """Map queries (N, Q, C) and a map (N, C, h, w) to (N, C, h, w)."""
        first, second, third = self.layers
        weights = first.weight.flatten(1) @ queries  # (N, hidden, C)
        mixed = []
        for tokens, weight in zip(features.flatten(2).mT, weights, strict=True):
            x = torch.addmm(first.bias, tokens, weight.T).relu_()  # (h * w, hidden)
            x = linear(x, second.weight.flatten(1), second.bias).relu_()
            mixed.append(linear(x, third.weight.flatten(1), third.bias))
        return torch.stack(mixed).mT.unflatten(2, features.shape[2:])


@MODELS.register_module()
class AVSegFormerHead(nn.Module):
    """Deformable encoder of three levels, decoder of queries from audio, and one map of logits.

    The levels at strides 8, 16 and 32 pass the encoder, the finest first. Queries attend to all
    positions. The mask features are the finest encoded level and the map at stride 4; the audio
    scales their channels. The products of all queries with them are mixed to one map.

    Source: Gao et al., *AVSegFormer: Audio-Visual Segmentation with Transformer*, AAAI 2024
    (arXiv:2307.01146); official code vvvb-github/AVSegFormer.

    Args:
        in_channels: Width of the four maps of the backbone, finest first.
        num_classes: K; 1 for the binary task.
        channels: C, width of all tokens and maps.
        num_queries: Q.
        num_layers: Number of layers of encoder and decoder each.
        num_heads: Number of heads of every attention.
        num_points: Points per head and level of deformable attention.
        hidden_channels: Width within the feed-forward blocks, and of the convolutions over queries.
        dropout: Probability of dropping attention weights and channels in encoder and decoder.
        query_generator: Settings of :class:`~avsegformer.query_generator.QueryGenerator`.
        kernel: See :func:`~avis.ops.deformable_attention.deformable_attention`.
    """

    NUM_LEVELS = 3

    def __init__(  # noqa: PLR0913 - settings of the published model
        self,
        *,
        in_channels: Sequence[int],
        num_classes: int,
        channels: int = 256,
        num_queries: int = 300,
        num_layers: int = 6,
        num_heads: int = 8,
        num_points: int = 4,
        hidden_channels: int = 2048,
        dropout: float = 0.1,
        query_generator: dict[str, Any] | None = None,
        kernel: str = 'auto',
    ) -> None:
        super().__init__()
        if len(in_channels) != self.NUM_LEVELS + 1:
            raise ValueError(
                f'AVSegFormerHead: expected in_channels of {self.NUM_LEVELS + 1} maps, finest '
                f'first, got {tuple(in_channels)}'
            )
        self.channels = channels
        self.level_embed = nn.Parameter(torch.empty(self.NUM_LEVELS, channels))
        self.query_generator = QueryGenerator(num_queries, channels, **(query_generator or {}))
        self.in_proj = nn.ModuleList(_projection(width, channels, 1) for width in in_channels)
        sizes = (channels, num_heads, hidden_channels)
        points = {'num_levels': self.NUM_LEVELS, 'num_points': num_points, 'kernel': kernel}
        self.encoder = nn.ModuleList(
            EncoderLayer(*sizes, dropout=dropout, **points) for _ in range(num_layers)
        )
        self.decoder = nn.ModuleList(
            DecoderLayer(*sizes, dropout=dropout) for _ in range(num_layers)
        )
        self.lateral_conv = _projection(channels, channels, 1)
        self.out_conv = _projection(channels, channels, 3)
        self.mixer = AudioMixer(channels, num_heads)
        self.mlp = QueryMLP(num_queries, channels, hidden_channels)
        wide, narrow = _OUTPUT_CHANNELS
        self.conv1 = nn.Conv2d(channels, wide, 3, padding=1)
        self.conv2 = nn.Conv2d(wide, narrow, 3, padding=1)
        self.classifier = nn.Conv2d(narrow, num_classes, 1, bias=False)
        self._initialize()

    def _initialize(self) -> None:
        """Xavier for every matrix and table, as the official code."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)
        for layer in self.query_generator.layers:
            # One of three matrices that are initialized as one.
            nn.init.xavier_uniform_(layer.audio_attention.value_proj.weight, gain=0.5**0.5)
        for module in self.modules():
            if isinstance(module, DeformableSelfAttention):
                module.init_weights()
        nn.init.normal_(self.level_embed)

    def forward(self, maps: Sequence[Tensor], audio: Tensor) -> tuple[Tensor, Tensor]:
        """Predict logits.

        Args:
            maps: Four maps (N, C_i, h_i, w_i) of a backbone at strides 4 to 32, finest first.
            audio: One token per frame, (N, C).

        Returns:
            Logits (N, K, H, W), and mask features (N, C, H / 4, W / 4).
        """
        finest, *levels = (project(x) for project, x in zip(self.in_proj, maps, strict=True))
        memory = self.encode(levels)
        queries = self.query_generator(audio)
        for layer in self.decoder:
            queries = layer(queries, memory)
        height, width = levels[0].shape[-2:]
        encoded = memory[:, : height * width].transpose(1, 2).unflatten(2, (height, width))
        above = F.interpolate(encoded, finest.shape[-2:], mode='bilinear')
        features = self.out_conv(self.lateral_conv(finest) + above).relu()
        features = self.mixer(features, audio)
        x = self.conv1(features + self.mlp(queries, features))
        # Frame by frame, because the maps at full size are large.
        return torch.cat([self._classify(frame) for frame in x.split(1)]), features

    def _classify(self, x: Tensor) -> Tensor:
        """Map (N, C', h, w) at stride 4 to logits (N, K, H, W)."""
        x = F.interpolate(x, scale_factor=_MASK_STRIDE, mode='bilinear')
        logits: Tensor = self.classifier(self.conv2(x).relu_())
        return logits

    def encode(self, levels: Sequence[Tensor]) -> Tensor:
        """Encode levels (N, C, h_i, w_i) to tokens (N, S, C), level after level."""
        shapes = [(x.shape[-2], x.shape[-1]) for x in levels]
        tokens = torch.cat([x.flatten(2).transpose(1, 2) for x in levels], 1)
        device = tokens.device
        position = torch.cat(
            [
                sine_encoding(shape, self.channels, normalize=False, device=device) + level
                for shape, level in zip(shapes, self.level_embed, strict=True)
            ]
        )
        reference = torch.cat([pixel_centers(shape, device) for shape in shapes])
        for layer in self.encoder:
            tokens = layer(tokens, position, reference, shapes)
        return tokens


def _projection(in_channels: int, channels: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, size, padding=size // 2),
        nn.GroupNorm(min(_GROUPS, channels), channels),
    )
