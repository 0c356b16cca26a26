"""Mask2Former's pixel decoder after attention from every position to the audio streams."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.linear import TokenLinear
from avis.models.layers.sine_encoding import sine_encoding
from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder, PixelDecoderOutput
from avis.registry import MODELS
from h2s.audio_tokens import split_streams


class _StreamAttention(nn.Module):
    """Attention from the positions of a level to the audio streams, with residual, without norm."""

    def __init__(self, channels: int, audio_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.to_qk = TokenLinear(channels, channels, bias=False)
        self.context_to_qk = nn.Linear(audio_dim, channels, bias=False)
        self.context_to_v = nn.Linear(audio_dim, channels, bias=False)
        self.to_out = TokenLinear(channels, channels)

    def forward(self, tokens: Tensor, position: Tensor, streams: Tensor) -> Tensor:
        """Map tokens (N, P, C), positions (P, C) and streams (N, S, D) to tokens (N, P, C)."""
        heads = [
            projected.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projected in (
                self.to_qk(tokens + position),
                self.context_to_qk(streams),
                self.context_to_v(streams),
            )
        ]
        attended = F.scaled_dot_product_attention(*heads)
        out: Tensor = tokens + self.to_out(attended.transpose(1, 2).flatten(2))
        return out


@MODELS.register_module()
class H2SPixelDecoder(DeformablePixelDecoder):
    """Let the three coarse levels attend to the audio streams before the deformable encoder.

    The official module is bidirectional in form; what it computes for the audio is not used, and
    absent here.

    Source: ``bi_attn`` of the official code, leiyeliu/H2S.

    Args:
        audio_dim: D, width of the embedding of a stream.
        channels: C, width of all output maps.
        num_audio_heads: Number of heads of the attention to the streams.
        kwargs: Further arguments of ``DeformablePixelDecoder``.
    """

    def __init__(
        self, *, audio_dim: int = 128, channels: int = 256, num_audio_heads: int = 8, **kwargs: Any
    ) -> None:
        super().__init__(channels=channels, **kwargs)
        self.audio_dim = audio_dim
        self.audio_attentions = nn.ModuleList(
            _StreamAttention(channels, audio_dim, num_audio_heads) for _ in range(self.NUM_LEVELS)
        )

    def forward(self, maps: list[Tensor], audio: Tensor) -> PixelDecoderOutput:
        """Map four maps (N, C_i, h_i, w_i), finest first, and audio (B, T, S * D)."""
        finest, tokens, shapes = self.embed(maps)
        streams = split_streams(audio, self.audio_dim)
        parts = tokens.split([height * width for height, width in shapes], 1)
        attended = [
            attention(part, sine_encoding(shape, self.channels, device=part.device), streams)
            for attention, part, shape in zip(self.audio_attentions, parts, shapes, strict=True)
        ]
        return self.decode(finest, torch.cat(attended, 1), shapes)
