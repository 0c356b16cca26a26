"""Post-norm blocks of the transformers of AVSegFormer, with GELU and dropout."""

import torch
from torch import Tensor, nn

from avis.models.layers.linear import TokenLinear
from avis.models.necks.deformable_pixel_decoder import DeformableSelfAttention
from avis.ops.deformable_attention import Shapes


class AttentionBlock(nn.Module):
    """Multi-head attention of queries to a memory, with residual and LayerNorm.

    Args:
        channels: C, width of every token.
        num_heads: Number of heads.
        dropout: Probability of dropping an attention weight, and a channel of the result.
        bias: The projections have biases.
    """

    def __init__(
        self, channels: int, num_heads: int, *, dropout: float = 0.0, bias: bool = True
    ) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(
            channels, num_heads, dropout=dropout, bias=bias, batch_first=True
        )
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """Map queries (N, Q, C) and memory (N, S, C) to (N, Q, C)."""
        attended, _ = self.attn(queries, memory, memory, need_weights=False)
        return self.norm(queries + self.dropout(attended))


class AudioBlock(nn.Module):
    """Attention of queries to the one audio token of their frame, with residual and LayerNorm.

    The weight of a single key is 1 for every query and head: what remains of the attention are its
    projections of values and of the result, computed once per frame. The projections of queries and
    keys of the official layer have no effect and never get a gradient.

    Args:
        channels: C, width of every token.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.value_proj = nn.Linear(channels, channels, bias=False)
        self.out_proj = nn.Linear(channels, channels, bias=False)
        self.norm = nn.LayerNorm(channels)

    def forward(self, queries: Tensor, audio: Tensor) -> Tensor:
        """Map queries (N, Q, C) and audio (N, C) to (N, Q, C)."""
        return self.norm(queries + self.out_proj(self.value_proj(audio))[:, None])


class FeedForwardBlock(nn.Module):
    """Two linear layers with a GELU in between, residual and LayerNorm.

    Args:
        channels: C, width of every token.
        hidden_channels: Width between the two layers.
        dropout: Probability of dropping a channel, within and after.
    """

    def __init__(self, channels: int, hidden_channels: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear1 = TokenLinear(channels, hidden_channels)
        self.linear2 = TokenLinear(hidden_channels, channels)
        self.activation = nn.GELU()
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (N, Q, C) to (N, Q, C)."""
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.norm(x + self.dropout(self.linear2(hidden)))


class EncoderLayer(nn.Module):
    """Deformable self-attention of the positions of all levels, and a feed-forward block.

    Args:
        channels: C, width of every token.
        num_heads: Number of heads.
        hidden_channels: Width within the feed-forward block.
        num_levels: Number of levels of the pyramid.
        num_points: Points per head and level.
        dropout: Probability of dropping a channel.
        kernel: See :func:`~avis.ops.deformable_attention.deformable_attention`.
    """

    def __init__(
        self,
        channels: int,
        num_heads: int,
        hidden_channels: int,
        *,
        num_levels: int,
        num_points: int,
        dropout: float,
        kernel: str,
    ) -> None:
        super().__init__()
        self.self_attention = DeformableSelfAttention(
            channels=channels,
            num_heads=num_heads,
            num_levels=num_levels,
            num_points=num_points,
            kernel=kernel,
        )
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)
        self.ffn = FeedForwardBlock(channels, hidden_channels, dropout=dropout)

    def forward(
        self, tokens: Tensor, position: Tensor, reference: Tensor, shapes: Shapes
    ) -> Tensor:
        """Return updated tokens (N, S, C); arguments as of ``DeformableSelfAttention``."""
        attended = self.self_attention.attend(tokens, position, reference, shapes)
        return self.ffn(self.norm(tokens + self.dropout(attended)))


class DecoderLayer(nn.Module):
    """Self-attention of queries, attention to the memory, and a feed-forward block.

    Args:
        channels: C, width of every token.
        num_heads: Number of heads of both attentions.
        hidden_channels: Width within the feed-forward block.
        dropout: Probability of dropping an attention weight or a channel.
    """

    def __init__(
        self, channels: int, num_heads: int, hidden_channels: int, *, dropout: float
    ) -> None:
        super().__init__()
        self.self_attention = AttentionBlock(channels, num_heads, dropout=dropout)
        self.cross_attention = AttentionBlock(channels, num_heads, dropout=dropout)
        self.ffn = FeedForwardBlock(channels, hidden_channels, dropout=dropout)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """Map queries (N, Q, C) and memory (N, S, C) to (N, Q, C)."""
        queries = self.self_attention(queries, queries)
        return self.ffn(self.cross_attention(queries, memory))


class AudioMixer(nn.Module):
    """Scale the channels of a map by a gate, which the audio reads from the map.

    Args:
        channels: C, width of map and audio token.
        num_heads: Number of heads of the attention from audio to positions.
    """

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(channels, channels, bias=False)
        self.kv_proj = TokenLinear(channels, 2 * channels, bias=False)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, audio: Tensor) -> Tensor:
        """Map x (N, C, h, w) and audio (N, C) to (N, C, h, w)."""
        tokens = x.flatten(2).transpose(1, 2)
        query, key, value = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for part in (self.q_proj(audio)[:, None], *self.kv_proj(tokens).chunk(2, -1))
        )
        read = nn.functional.scaled_dot_product_attention(query, key, value)  # (N, heads, 1, c)
        gate = torch.sigmoid(self.proj(read.flatten(1)))
        return x * gate[:, :, None, None]
