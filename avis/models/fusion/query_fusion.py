"""Sound for the queries of a frame decoder, before they look at the frame.

Contract of a query fusion: ``forward(audio, query_embed, levels) -> (N, Q, C)``, added to the
learned content of the queries. ``audio`` is (N, D), the sound of each frame; ``query_embed`` (Q, C)
the place of each query; ``levels`` the tokens (N, S, C) of each level of the frame, coarsest first.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avis.models.layers.attention import AttentionBlock
from avis.registry import MODELS


@MODELS.register_module()
class AVISMQueryFusion(nn.Module):
    """Let the sound of a frame, once per query, read each level of the frame.

    The tokens carry no position here, in contrast to the decoder that follows.

    Args:
        channels: C, width of queries and tokens.
        audio_dim: D, width of one row of sound (128 for VGGish).
        num_levels: Levels of the frame.
        num_heads: Heads of each attention.
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
        """Map audio (N, D) to contents (N, Q, C) of the queries; see the module for the rest."""
        audio_embed = self.audio_proj(audio)[:, None].expand(-1, len(query_embed), -1)
        heard = [
            attention(audio_embed, tokens, tokens, query_embed)
            for attention, tokens in zip(self.attentions, levels, strict=True)
        ]
        out: Tensor = self.out_proj(torch.cat(heard, -1))
        return out
