"""One audio token per object query, attended from the audio streams of a frame."""

from torch import Tensor, nn

from avis.models.layers.attention import AttentionBlock


def split_streams(audio: Tensor, audio_dim: int) -> Tensor:
    """Split audio (B, T, S * D) into its streams, (B * T, S, D).

    Raises:
        ValueError: Another shape.
    """
    if audio.ndim != 3 or audio.shape[-1] % audio_dim:
        raise ValueError(
            f'H2S: expected audio (B, T, S * {audio_dim}), the embeddings of the S streams of a '
            f'frame one after the other, got {tuple(audio.shape)}. Set audio_dim to the width of '
            f'the embeddings.'
        )
    return audio.flatten(0, 1).unflatten(-1, (-1, audio_dim))


class AudioTokens(nn.Module):
    """Attend from a learned content per object query to the audio streams.

    Args:
        channels: C, width of an audio token.
        audio_dim: D, width of the embedding of a stream.
        num_queries: Q.
        num_heads: Number of heads of the attention.
    """

    def __init__(self, *, channels: int, audio_dim: int, num_queries: int, num_heads: int) -> None:
        super().__init__()
        self.audio_dim = audio_dim
        self.audio_proj = nn.Linear(audio_dim, channels)
        self.query_content = nn.Embedding(num_queries, channels)
        self.attention = AttentionBlock(channels, num_heads)

    def forward(self, audio: Tensor, position: Tensor) -> Tensor:
        """Map audio (B, T, S * D) and the positions of queries (Q, C) to tokens (B * T, Q, C)."""
        streams = self.audio_proj(split_streams(audio, self.audio_dim))
        content = self.query_content.weight.expand(len(streams), -1, -1)
        tokens: Tensor = self.attention(content, streams, streams, position)
        return tokens
