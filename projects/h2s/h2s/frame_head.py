"""H2S's frame head: Mask2Former whose queries start from the tokens that their audio selects."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.models.necks.deformable_pixel_decoder import PixelDecoderOutput
from avis.registry import MODELS
from h2s.audio_tokens import AudioTokens
from h2s.sparse_attention import SemanticSparseAttention


@MODELS.register_module()
class H2SFrameHead(Mask2FormerFrameHead):
    """Acoustic-semantic projection, then masked decoding.

    One audio token per query attends to each level of the frame, see
    :class:`~h2s.sparse_attention.SemanticSparseAttention`; the results are added to the content of
    the query. The position of a query is the same for its audio token and in the decoder.

    Source: the official code, leiyeliu/H2S.

    Args:
        audio_dim: D, width of the embedding of a stream.
        channels: C, width of queries and maps.
        num_queries: Q.
        num_heads: Number of heads of every attention.
        top_p: See :class:`~h2s.sparse_attention.SemanticSparseAttention`, of each level, coarsest
            first.
        cluster_seed: Seed of the clusters; None for random ones, in testing too.
        count_fillers: Count fillers of short lists of tokens.
        kwargs: Further arguments of ``Mask2FormerFrameHead``.
    """

    def __init__(
        self,
        *,
        audio_dim: int = 128,
        channels: int = 256,
        num_queries: int = 100,
        num_heads: int = 8,
        top_p: Sequence[float] = (0.7, 0.8, 0.9),
        cluster_seed: int | None = None,
        count_fillers: bool = True,
        **kwargs: Any,
    ) -> None:
        sizes = {'channels': channels, 'num_queries': num_queries, 'num_heads': num_heads}
        super().__init__(**sizes, **kwargs)
        self.audio_tokens = AudioTokens(audio_dim=audio_dim, **sizes)
        self.sparse_attentions = nn.ModuleList(
            SemanticSparseAttention(
                channels=channels,
                num_heads=num_heads,
                top_p=share,
                cluster_seed=cluster_seed,
                count_fillers=count_fillers,
            )
            for share in top_p
        )
        self.audio_out_proj = nn.Linear(len(top_p) * channels, channels)

    def decode_pixels(self, maps: Sequence[Tensor], audio: Tensor) -> PixelDecoderOutput:
        """Run the pixel decoder with audio (B, T, S * D)."""
        decoded: PixelDecoderOutput = self.pixel_decoder(maps, audio)
        return decoded

    def fuse_audio(self, tokens: Sequence[Tensor], audio: Tensor) -> Tensor:
        """Return query contents (N, Q, C) from tokens (N, P, C) per level, audio (B, T, S * D)."""
        position = self.query_embed.weight
        audio_tokens = self.audio_tokens(audio, position)
        if len(audio_tokens) != len(tokens[0]):
            raise ValueError(
                f'H2SFrameHead: expected audio of {len(tokens[0])} frames, got {tuple(audio.shape)}'
            )
        queries = audio_tokens + position
        attended = [
            attention(queries, level)
            for attention, level in zip(self.sparse_attentions, tokens, strict=True)
        ]
        out: Tensor = self.audio_out_proj(torch.cat(attended, -1))
        return out
