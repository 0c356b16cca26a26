"""H2S's clip module: AVISM's, with a state space model in place of window attention to audio."""

from typing import Any

from torch import Tensor, nn

from avis.models.decode_heads.avism_clip_head import AVISMClipHead
from avis.registry import MODELS
from h2s.audio_tokens import AudioTokens
from h2s.dynamics_modulator import DynamicsModulatorBlock


@MODELS.register_module()
class H2SClipHead(AVISMClipHead):
    """Encode frame queries in windows, modulate them by audio, decode clip queries.

    Source: the official code, leiyeliu/H2S.

    Args:
        channels: C, width of the frame queries.
        audio_dim: D, width of the embedding of a stream.
        num_frame_queries: P, of the frame head; the clip has as many audio tokens.
        num_heads: Number of heads of every attention.
        num_modulator_layers: Number of blocks of the state space model.
        kwargs: Further arguments of ``AVISMClipHead``.
    """

    def __init__(
        self,
        *,
        channels: int = 256,
        audio_dim: int = 128,
        num_frame_queries: int = 100,
        num_heads: int = 8,
        num_modulator_layers: int = 6,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            channels=channels,
            audio_dim=None,  # no window attention to audio
            num_frame_queries=num_frame_queries,
            num_heads=num_heads,
            **kwargs,
        )
        self.audio_tokens = AudioTokens(
            channels=channels,
            audio_dim=audio_dim,
            num_queries=num_frame_queries,
            num_heads=num_heads,
        )
        self.audio_query_embed = nn.Embedding(num_frame_queries, channels)
        self.modulator = nn.ModuleList(
            DynamicsModulatorBlock(channels) for _ in range(num_modulator_layers)
        )

    def fuse_audio(self, tokens: Tensor, audio: Tensor) -> Tensor:
        """Modulate encoded frame queries (L * B, T, P, C) by audio (B, T, S * D)."""
        audio_tokens = self.audio_tokens(audio, self.audio_query_embed.weight)
        audio_tokens = audio_tokens.unflatten(0, audio.shape[:2])  # (B, T, P, C)
        for block in self.modulator:
            tokens = block(tokens, audio_tokens)
        return tokens
