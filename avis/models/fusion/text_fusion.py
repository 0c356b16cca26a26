"""Fuse the tokens of an expression into the audio embeddings of a clip."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.attention import AttentionBlock, FeedForwardBlock
from avis.models.layers.sine_encoding import sine_encoding
from avis.registry import MODELS


@MODELS.register_module()
class TextAudioFusion(nn.Module):
    """Attention from the audio embedding of each frame to all frames and to all tokens.

    The fused embeddings take the place of audio embeddings: any fusion block or frame head reads
    them. They are one per frame and know the audio of the whole clip, so that an expression may say
    when something sounds.

    The attention over audio and tokens together is that of Wang et al., *Ref-AVS*, ECCV 2024
    (arXiv:2407.10957), without its tokens of the frames and its cached memory.

    Args:
        channels: C, width of a fused embedding, a multiple of 4.
        audio_dim: D, width of an audio embedding.
        text_dim: E, width of a token.
        num_layers: Number of layers, each an attention and a feed-forward block.
        num_heads: Number of heads of each attention.
        identity_init: Add the result to the audio embeddings through a layer that starts at zero,
            so that a model trained without text starts with what it segments. D is C then.
    """

    def __init__(
        self,
        *,
        channels: int = 256,
        audio_dim: int = 128,
        text_dim: int = 768,
        num_layers: int = 2,
        num_heads: int = 8,
        identity_init: bool = False,
    ) -> None:
        super().__init__()
        if identity_init and audio_dim != channels:
            raise ValueError(
                f'TextAudioFusion: expected audio_dim equal to channels with identity_init, got '
                f'audio_dim={audio_dim} and channels={channels}'
            )
        self.audio_proj = nn.Linear(audio_dim, channels)
        self.text_proj = nn.Linear(text_dim, channels)
        self.attentions = nn.ModuleList(
            AttentionBlock(channels, num_heads) for _ in range(num_layers)
        )
        self.ffns = nn.ModuleList(
            FeedForwardBlock(channels, 4 * channels) for _ in range(num_layers)
        )
        self.out_proj = nn.Linear(channels, channels) if identity_init else None
        if self.out_proj is not None:
            nn.init.zeros_(self.out_proj.weight)
            nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, audio: Tensor, text: Tensor, is_token: Tensor, valid: Tensor | None = None
    ) -> Tensor:
        """Return one fused embedding per frame, (B, T, C).

        Args:
            audio: (B, T, D).
            text: (B, L, E).
            is_token: bool (B, L), False on the padding of ``text``.
            valid: bool (B, T), False on padding frames; None without padding.
        """
        frames, tokens = self.audio_proj(audio), self.text_proj(text)
        _, length, channels = frames.shape
        position = sine_encoding((1, length), channels, normalize=False, device=frames.device)
        positions = F.pad(position, (0, 0, 0, tokens.shape[1]))  # the text encoder has its own
        if valid is None:
            valid = is_token.new_ones(frames.shape[:2])
        mask = torch.cat([valid, is_token], 1)[:, None].expand(-1, length, -1)
        for attention, ffn in zip(self.attentions, self.ffns, strict=True):
            memory = torch.cat([frames, tokens], 1)  # (B, T + L, C)
            frames = ffn(attention(frames, memory + positions, memory, position, mask))
        return frames if self.out_proj is None else audio + self.out_proj(frames)
