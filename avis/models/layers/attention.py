"""Post-norm blocks of a transformer decoder, ``LayerNorm(x + f(x))``, over fused attention."""

import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.linear import TokenLinear, linear


class AttentionBlock(nn.Module):
    """Multi-head attention with its residual and LayerNorm.

    Args:
        channels: C, width of every token.
        num_heads: Heads, each of ``channels / num_heads`` channels.
    """

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(
                f'AttentionBlock: channels={channels} is not divisible by num_heads={num_heads}'
            )
        self.num_heads = num_heads
        self.in_proj = TokenLinear(channels, 3 * channels)  # rows of queries, keys, values
        self.out_proj = TokenLinear(channels, channels)
        self.norm = nn.LayerNorm(channels)
        for layer in (self.in_proj, self.out_proj):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        x: Tensor,
        key: Tensor,
        value: Tensor,
        position: Tensor | None = None,
        attn_mask: Tensor | None = None,
    ) -> Tensor:
        """Let the tokens x (N, M, C) read ``value`` (N, S, C) where ``key`` (N, S, C) fits.

        ``position`` (M, C) is added to the queries only. ``attn_mask``, bool (N, M, S), says which
        tokens may read what, for all heads alike.
        """
        query = x if position is None else x + position
        weights, biases = self.in_proj.weight.chunk(3), self.in_proj.bias.chunk(3)
        heads = [
            linear(source, weight, bias).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for source, weight, bias in zip((query, key, value), weights, biases, strict=True)
        ]
        mask = None if attn_mask is None else attn_mask[:, None]  # not a copy per head
        read = F.scaled_dot_product_attention(
            heads[0], heads[1], heads[2], mask
        )  # (N, heads, M, C / heads)
        return self.norm(x + self.out_proj(read.transpose(1, 2).flatten(2)))


class FeedForwardBlock(nn.Module):
    """Two linear layers with a ReLU between, their residual and LayerNorm.

    Args:
        channels: C, width of every token.
        hidden_channels: Width between the two layers.
    """

    def __init__(self, channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.linear1 = TokenLinear(channels, hidden_channels)
        self.linear2 = TokenLinear(hidden_channels, channels)
        self.norm = nn.LayerNorm(channels)
        nn.init.xavier_uniform_(self.linear1.weight)
        nn.init.xavier_uniform_(self.linear2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (..., C) to (..., C)."""
        return self.norm(x + self.linear2(self.linear1(x).relu_()))


class MLP(nn.Module):
    """Linear layers with ReLUs between.

    Args:
        channels: Width of input, hidden layers and output.
        num_layers: Number of linear layers.
    """

    def __init__(self, channels: int, num_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(channels, channels) for _ in range(num_layers))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        for layer in self.layers[:-1]:
            x = layer(x).relu_()
        return self.layers[-1](x)


class DecoderLayer(nn.Module):
    """Queries read a memory, then each other, then themselves.

    Args:
        channels: C, width of every token.
        num_heads: Heads of both attentions.
        hidden_channels: Width within the feed-forward block.
    """

    def __init__(self, channels: int, num_heads: int, hidden_channels: int) -> None:
        super().__init__()
        self.cross_attention = AttentionBlock(channels, num_heads)
        self.self_attention = AttentionBlock(channels, num_heads)
        self.ffn = FeedForwardBlock(channels, hidden_channels)

    def forward(
        self,
        queries: Tensor,
        key: Tensor,
        value: Tensor,
        position: Tensor,
        attn_mask: Tensor | None = None,
    ) -> Tensor:
        """Map queries (N, Q, C), with position (Q, C), reading value (N, S, C) by key (N, S, C).

        ``attn_mask``, bool (N, Q, S), says what each query may read of the memory; None is all.
        """
        queries = self.cross_attention(queries, key, value, position, attn_mask)
        placed = queries + position
        queries = self.self_attention(queries, placed, queries, position)
        return self.ffn(queries)
