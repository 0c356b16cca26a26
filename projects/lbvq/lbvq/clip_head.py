"""LBVQ's clip module: clip queries that start as time averages of the frame queries.

Letters: N clips and layers, T frames, Q queries per frame and per clip, C channels.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.decode_heads.clip_head import ClipHead
from avis.models.layers.attention import AttentionBlock, FeedForwardBlock
from avis.registry import MODELS

_FRAMES_AT_ONCE = 32  # of the cross-attention


@MODELS.register_module()
class LBVQClipHead(ClipHead):
    """Average each frame query over time, then attend to every frame on its own.

    There is no encoder: frames do not see each other, and their order has no effect. A clip query
    is the mean of one frame query over time, with learned weights; so both numbers are equal. In
    each layer the queries attend to each other, then to each frame separately with shared weights.
    The results of all frames are added. In the official code they are not divided by the number of
    frames: their sum grows with the clip, down to the LayerNorm of the feed-forward block.

    Source: the official code of LBVQ (TCSVT 2024).

    Args:
        num_classes: K, without "no object".
        channels: C, width of the frame queries.
        num_queries: Q, of the frame head and of the clip.
        num_heads: Number of heads of every attention.
        hidden_channels: Width within the feed-forward blocks.
        num_decoder_layers: Number of layers.
        divide_by_frames: Divide the sum over frames by their number, so that clips of any length
            have it at one scale. False as published.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        channels: int = 256,
        num_queries: int = 100,
        num_heads: int = 8,
        hidden_channels: int = 2048,
        num_decoder_layers: int = 6,
        divide_by_frames: bool = False,
    ) -> None:
        super().__init__(num_classes=num_classes, channels=channels)
        self.divide_by_frames = divide_by_frames
        self.time_attention = nn.Linear(channels, 1)
        self.layers = nn.ModuleList(
            FramewiseDecoderLayer(channels, num_heads, hidden_channels)
            for _ in range(num_decoder_layers)
        )
        self.add_predictors(
            num_queries=num_queries, num_frame_queries=num_queries, learned_content=False
        )

    def make_memory(self, frame_queries: Tensor, audio: Tensor) -> Tensor:
        """Project the frame queries; audio is not used."""
        return self.input_proj(frame_queries.flatten(0, 1))

    def decode(self, memory: Tensor) -> list[Tensor]:
        """Average the memory over time, and attend to its frames in each layer."""
        queries = (self.time_attention(memory).softmax(1) * memory).sum(1)
        key, position = memory + self.frame_query_embed.weight, self.query_embed.weight
        scale = 1 / memory.shape[1] if self.divide_by_frames else 1.0
        outputs = []
        for layer in self.layers:
            queries = layer(queries, key, memory, position, scale)
            outputs.append(queries)
        kept = outputs if self.training else outputs[-1:]
        return [self.decoder_norm(queries) for queries in kept]


class FramewiseAttention(AttentionBlock):
    """Cross-attention to each frame, with residual and LayerNorm per frame."""

    def forward(self, x: Tensor, key: Tensor, value: Tensor, position: Tensor) -> Tensor:
        """Return the sum over frames.

        Args:
            x: Queries, (N, Q, C).
            key: (N, T, Q, C).
            value: (N, T, Q, C).
            position: Positional embedding of the queries, (Q, C).

        Returns:
            (N, Q, C).
        """
        length = key.shape[1]
        query, keys, values = self._heads(x + position, key.flatten(0, 1), value.flatten(0, 1))
        query = query.repeat_interleave(length, 0)  # projected once for all frames
        attended = F.scaled_dot_product_attention(query, keys, values)
        attended = self.out_proj(attended.transpose(1, 2).flatten(2)).unflatten(0, (-1, length))
        return self.norm(x[:, None] + attended).sum(1)


class FramewiseDecoderLayer(nn.Module):
    """Self-attention of the queries, cross-attention to each frame, feed-forward block.

    Args:
        channels: C, width of every token.
        num_heads: Number of heads of both attentions.
        hidden_channels: Width within the feed-forward block.
    """

    def __init__(self, channels: int, num_heads: int, hidden_channels: int) -> None:
        super().__init__()
        self.self_attention = AttentionBlock(channels, num_heads)
        self.cross_attention = FramewiseAttention(channels, num_heads)
        self.ffn = FeedForwardBlock(channels, hidden_channels)

    def forward(
        self, queries: Tensor, key: Tensor, value: Tensor, position: Tensor, scale: float
    ) -> Tensor:
        """Return updated queries (N, Q, C); see :class:`FramewiseAttention`.

        ``scale`` is the factor of the sum over frames.
        """
        queries = self.self_attention(queries, queries + position, queries, position)
        total = sum(
            self.cross_attention(queries, *parts, position)
            for parts in zip(
                key.split(_FRAMES_AT_ONCE, 1), value.split(_FRAMES_AT_ONCE, 1), strict=True
            )
        )
        return self.ffn(queries + scale * total)
