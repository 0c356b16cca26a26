"""Queries made from the audio of a frame, before they see the image."""

import math

from torch import Tensor, nn

from avis.registry import MODELS


class AudioBlock(nn.Module):
    """Cross-attention of all queries to one audio token, with residual and norm.

    The attention weight of a single key is 1. Queries and keys of the official module therefore
    have no effect, and its result is one vector per frame, added to every query.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.value = nn.Linear(channels, channels)
        self.out_proj = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)
        # Xavier for the official matrix, whose rows are those of queries, keys and values.
        bound = math.sqrt(6 / (channels + 3 * channels))
        nn.init.uniform_(self.value.weight, -bound, bound)
        nn.init.xavier_uniform_(self.out_proj.weight)
        for layer in (self.value, self.out_proj):
            nn.init.zeros_(layer.bias)

    def forward(self, queries: Tensor, audio: Tensor) -> Tensor:
        """Return queries (N, M, C) with the audio token (N, C) of their frame."""
        normed: Tensor = self.norm(queries + self.out_proj(self.value(audio))[:, None])
        return normed


@MODELS.register_module()
class AudioCentricQueries(nn.Module):
    """Start the queries of a frame from its audio, instead of adding audio and image to them.

    Args:
        channels: C, width of the queries.
        audio_dim: D, width of an audio embedding (128 for VGGish).
        num_layers: Number of attention blocks.
    """

    def __init__(self, *, channels: int = 256, audio_dim: int = 128, num_layers: int = 3) -> None:
        super().__init__()
        self.audio_proj = nn.Linear(audio_dim, channels)
        self.blocks = nn.ModuleList(AudioBlock(channels) for _ in range(num_layers))

    def forward(self, queries: Tensor, audio: Tensor) -> Tensor:
        """Return the content of the queries.

        Args:
            queries: Learned content, (M, C).
            audio: (N, D), one embedding per frame.

        Returns:
            (N, M, C).
        """
        audio = self.audio_proj(audio)
        queries = queries.expand(len(audio), -1, -1)
        for block in self.blocks:
            queries = block(queries, audio)
        return queries
