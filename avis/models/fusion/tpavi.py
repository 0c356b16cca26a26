"""Temporal pixel-wise audio-visual interaction (TPAVI), the fusion block of AVSBench."""

from typing import Any

import torch
from mmcv.cnn import build_norm_layer
from torch import Tensor, nn

from avis.models.fusion.checks import check_audio_length
from avis.registry import MODELS


@MODELS.register_module()
class TPAVI(nn.Module):
    r"""Every position of a clip attends to the whole clip, weighted by similarity to the audio.

    Over the N = T*H*W positions of a clip with map x and audio a the official form is

    .. math:: z = \mathrm{LN}(x + \mathrm{BN}(W_z y)), \qquad
              y = \frac{1}{N} \theta(x)^\top \phi(a) \, g(x),

    with an N x N matrix in the middle. As a is the same at all positions of a frame, that matrix
    has only T distinct columns, and with K = W_theta^T phi(a_t) and V = W_z mean_hw(g)_t / T

    .. math:: W_z y(p) = \sum_t \langle x(p), K_t \rangle V_t ,

    exactly: memory and computation grow with N x T, and theta, phi, g and y are never built as
        maps.

    Source: Zhou et al., *Audio-Visual Segmentation*, ECCV 2022 (arXiv:2207.05042);
    ``TPAVI.py`` of OpenNLPLab/AVSBench.

    Args:
        channels: C, width of the visual map.
        audio_dim: D, width of an audio embedding (128 for VGGish).
        norm_cfg: The norm after W_z, over a map (B, C, T, H, W).
        frames_per_group: Frames that attend to each other. The official code splits a clip into
            groups of 5 (10 frames of AVSS are 5 + 5); the last group may be shorter. None: the
            whole clip.
        audio_bias: Bias of the layer that projects audio to C channels.
        identity_init: Initialize the block without audio (as the identity, except for the
            LayerNorm), as the official code does. False uses audio from the first step on, for
            short training from scratch.
    """

    def __init__(
        self,
        *,
        channels: int,
        audio_dim: int = 128,
        norm_cfg: dict[str, Any] | None = None,
        frames_per_group: int | None = None,
        audio_bias: bool = True,
        identity_init: bool = True,
    ) -> None:
        super().__init__()
        if frames_per_group is not None and frames_per_group < 1:
            raise ValueError(
                f'TPAVI.frames_per_group: expected at least 1, or None for all frames of a clip, '
                f'got {frames_per_group!r}'
            )
        hidden = channels // 2
        self.frames_per_group = frames_per_group
        self.audio_proj = nn.Linear(audio_dim, channels, bias=audio_bias)
        self.theta = nn.Linear(channels, hidden)
        self.phi = nn.Linear(channels, hidden)
        self.g = nn.Linear(channels, hidden)
        self.out_proj = nn.Linear(hidden, channels)
        self.norm = build_norm_layer(norm_cfg or {'type': 'BN3d'}, channels)[1]
        self.layer_norm = nn.LayerNorm(channels)
        if identity_init:
            nn.init.zeros_(self.norm.weight)
            nn.init.zeros_(self.norm.bias)

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fused map (B, T, C, H, W) and the projected audio (B, T, C).

        Args:
            visual: (B, T, C, H, W).
            audio: (B, T, D).
        """
        check_audio_length(self, visual, audio)
        audio_embed = self.audio_proj(audio)
        tokens = visual.permute(0, 1, 3, 4, 2)  # (B, T, H, W, C)
        size = self.frames_per_group or tokens.shape[1]
        groups = [
            self._attend(*group)
            for group in zip(tokens.split(size, 1), audio_embed.split(size, 1), strict=True)
        ]
        attended = groups[0] if len(groups) == 1 else torch.cat(groups, 1)
        attended = self.norm(attended.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)
        mixed = self.layer_norm(tokens + attended)
        return mixed.permute(0, 1, 4, 2, 3), audio_embed

    def audio_attention(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Return how much each position attends to the audio of its frame, of any sign.

        It is the sum over the columns of that frame in the official matrix,
        <theta(x(p)), phi(a_t)> / T.

        Args:
            visual: (B, T, C, H, W).
            audio: (B, T, D).

        Returns:
            (B, T, H, W).
        """
        keys, offsets = self._keys(self.audio_proj(audio))
        score = torch.einsum('btchw,btc->bthw', visual, keys) + offsets[..., None, None]
        groups = score.split(self.frames_per_group or score.shape[1], 1)
        hidden = self.phi.out_features
        return torch.cat([group * (hidden / group.shape[1]) for group in groups], 1)

    def _keys(self, audio_embed: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys (B, T, C) and offsets (B, T): a score is <x, key> + offset.

        It is divided by the width of phi, without which half precision would overflow.
        """
        phi = self.phi(audio_embed) / self.phi.out_features  # (B, T, C/2)
        return phi @ self.theta.weight, phi @ self.theta.bias

    def _attend(self, tokens: Tensor, audio_embed: Tensor) -> Tensor:
        """Return W_z y of one group from tokens and audio (B, T, C), of the shape of the tokens.

        Tokens are (B, T, H, W, C).
        """
        keys, offsets = self._keys(audio_embed)
        # The values are scaled up by as much as the keys are scaled down.
        scale = self.phi.out_features / tokens.shape[1]
        summary = self.g(tokens.mean((2, 3))) * scale  # (B, T, C/2)
        values = summary @ self.out_proj.weight.T  # (B, T, C)
        score = torch.baddbmm(offsets[:, None], tokens.flatten(1, 3), keys.mT)  # (B, T*H*W, T)
        return torch.baddbmm(self.out_proj.bias, score, values).view(tokens.shape)
