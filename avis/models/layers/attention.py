"""Post-norm blocks of a transformer decoder, ``LayerNorm(x + f(x))``, with fused attention.

Source: Vaswani et al., *Attention Is All You Need*, NeurIPS 2017 (arXiv:1706.03762); the order of
the decoder layer is that of Cheng et al., *Mask2Former*, CVPR 2022 (arXiv:2112.01527).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.linear import TokenLinear, linear


class AttentionBlock(nn.Module):
    """Multi-head attention with its residual and LayerNorm.

    Args:
        channels: C, width of every token.
        num_heads: Number of heads, each of ``channels / num_heads`` channels.
    """

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(
                f'AttentionBlock: expected channels divisible by num_heads, got '
                f'channels={channels} and num_heads={num_heads}'
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
        position: Tensor,
        attn_mask: Tensor | None = None,
    ) -> Tensor:
        """Attend from tokens x to ``key`` and ``value``.

        Args:
            x: (N, M, C).
            key: (N, S, C).
            value: (N, S, C).
            position: Positional embedding (M, C), added to the queries only.
            attn_mask: bool (N, M, S), True where a token may attend, for all heads; None attends
                everywhere.

        Returns:
            (N, M, C).
        """
        return self.norm(x + self.attend(x + position, key, value, attn_mask))

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None
    ) -> Tensor:
        """Return the attention of queries (N, M, C) alone, without residual and norm."""
        heads = self._heads(query, key, value)
        mask = None if attn_mask is None else attn_mask[:, None]  # not a copy per head
        attended = F.scaled_dot_product_attention(
            heads[0], heads[1], heads[2], mask
        )  # (N, heads, M, C / heads)
        return self.out_proj(attended.transpose(1, 2).flatten(2))

    def attention_weights(self, x: Tensor, key: Tensor, position: Tensor) -> Tensor:
        """Return the weights (N, M, S) of x (N, M, C) on ``key`` (N, S, C), the mean of heads."""
        query, keys = self._heads(x + position, key)
        weights = query @ keys.mT * query.shape[-1] ** -0.5
        return weights.softmax(-1).mean(1)

    def _heads(self, *tokens: Tensor) -> list[Tensor]:
        """Project queries, keys and values (N, M, C) to heads (N, heads, M, C / heads)."""
        weights, biases = self.in_proj.weight.chunk(3), self.in_proj.bias.chunk(3)
        return [
            linear(each, weight, bias).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for each, weight, bias in zip(tokens, weights, biases, strict=False)
        ]


class FeedForwardBlock(nn.Module):
    """Two linear layers with a ReLU in between, residual and LayerNorm.

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
    """Linear layers with ReLUs in between.

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
    """Cross-attention to a memory, self-attention of the queries, feed-forward block.

    Args:
        channels: C, width of every token.
        num_heads: Number of heads of both attentions.
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
        """Return updated queries (N, Q, C).

        Args:
            queries: (N, Q, C).
            key: Of the memory, (N, S, C).
            value: Of the memory, (N, S, C).
            position: Positional embedding of the queries, (Q, C).
            attn_mask: bool (N, Q, S), True where a query may attend to the memory; None attends
                everywhere.
        """
        queries = self.cross_attention(queries, key, value, position, attn_mask)
        queries = self.self_attention(queries, queries + position, queries, position)
        return self.ffn(queries)
