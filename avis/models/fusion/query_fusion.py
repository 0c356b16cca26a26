"""Fuse audio into the queries of a frame decoder, before its first layer.

Interface of a query fusion: ``forward(audio, query_embed, levels) -> (N, Q, C)``, added to the
learned content of the queries. ``audio`` (N, D) contains the audio embedding of each frame,
``query_embed`` (Q, C) the positional embedding of each query, ``levels`` the tokens (N, S, C) of
each level of the frame, coarsest first.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from avis.models.layers.attention import AttentionBlock
from avis.registry import MODELS


@MODELS.register_module()
class AVISMQueryFusion(nn.Module):
    """Cross-attention from the audio of a frame, repeated for each query, to each level.

    The tokens have no positional encoding here, in contrast to the decoder that follows.

    Source: Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025 (arXiv:2310.18709);
    ``av_sf`` of the official code.

    Args:
        channels: C, width of queries and tokens.
        audio_dim: D, width of an audio embedding (128 for VGGish).
        num_levels: Number of feature levels of a frame.
        num_heads: Number of heads of each attention.
    """

    def __init__(
        self, *, channels: int = 256, audio_dim: int = 128, num_levels: int = 3, num_heads: int = 8
    ) -> None:
        super().__init__()
        self.audio_proj = nn.Linear(audio_dim, channels)
        self.attentions = nn.ModuleList(
            AttentionBlock(channels, num_heads) for _ in range(num_levels)
        )
        self.out_proj = nn.Linear(num_levels * channels, channels)

    def forward(self, audio: Tensor, query_embed: Tensor, levels: Sequence[Tensor]) -> Tensor:
        """Return the content (N, Q, C) that is added to the queries.

        Args:
            audio: (N, D).
            query_embed: (Q, C).
            levels: Tokens (N, S, C) of each level, coarsest first.
        """
        audio_embed = self.audio_proj(audio)[:, None].expand(-1, len(query_embed), -1)
        attended = [
            attention(audio_embed, tokens, tokens, query_embed)
            for attention, tokens in zip(self.attentions, levels, strict=True)
        ]
        out: Tensor = self.out_proj(torch.cat(attended, -1))
        return out

    def audio_attention(
        self, audio: Tensor, query_embed: Tensor, levels: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return the attention weights of the audio on the tokens, mean of heads and queries.

        Args:
            audio: (N, D).
            query_embed: (Q, C).
            levels: Tokens (N, S, C) of each level, coarsest first.

        Returns:
            (N, S) per level; each row has the sum 1.
        """
        audio_embed = self.audio_proj(audio)[:, None].expand(-1, len(query_embed), -1)
        blocks = cast(Sequence[AttentionBlock], self.attentions)
        return [
            attention.attention_weights(audio_embed, tokens, query_embed).mean(1)
            for attention, tokens in zip(blocks, levels, strict=True)
        ]
