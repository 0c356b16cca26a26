"""Queries that depend on the audio of their frame."""

from torch import Tensor, nn

from avsegformer.layers import AttentionBlock, AudioBlock, FeedForwardBlock


class QueryGeneratorLayer(nn.Module):
    """Self-attention of queries, attention to the audio token, and a feed-forward block.

    Args:
        channels: C, width of every token.
        num_heads: Number of heads.
        hidden_channels: Width within the feed-forward block.
        self_attention: Whether queries attend to each other; ACVSegFormer's do not.
    """

    def __init__(
        self, channels: int, num_heads: int, hidden_channels: int, *, self_attention: bool
    ) -> None:
        super().__init__()
        self.self_attention = (
            AttentionBlock(channels, num_heads, bias=False) if self_attention else None
        )
        self.audio_attention = AudioBlock(channels)
        self.ffn = FeedForwardBlock(channels, hidden_channels)

    def forward(self, queries: Tensor, audio: Tensor) -> Tensor:
        """Map queries (N, Q, C) and audio (N, C) to (N, Q, C)."""
        if self.self_attention is not None:
            queries = self.self_attention(queries, queries)
        return self.ffn(self.audio_attention(queries, audio))


class QueryGenerator(nn.Module):
    """Turns learned queries to queries of a frame.

    Args:
        num_queries: Q.
        channels: C, width of every token.
        num_layers: Number of layers.
        num_heads: Number of heads.
        hidden_channels: Width within the feed-forward blocks.
        self_attention: Whether queries attend to each other in each layer.
        added_queries: Whether another learned vector per query is added to the result.
    """

    def __init__(
        self,
        num_queries: int,
        channels: int,
        *,
        num_layers: int = 6,
        num_heads: int = 8,
        hidden_channels: int = 1024,
        self_attention: bool = True,
        added_queries: bool = True,
    ) -> None:
        super().__init__()
        self.query = nn.Embedding(num_queries, channels)
        self.layers = nn.ModuleList(
            QueryGeneratorLayer(channels, num_heads, hidden_channels, self_attention=self_attention)
            for _ in range(num_layers)
        )
        self.added_query = nn.Embedding(num_queries, channels) if added_queries else None

    def forward(self, audio: Tensor) -> Tensor:
        """Map audio tokens (N, C) to queries (N, Q, C)."""
        queries = self.query.weight.expand(len(audio), -1, -1)
        for layer in self.layers:
            queries = layer(queries, audio)
        return queries if self.added_query is None else queries + self.added_query.weight
