"""Fusion by cross-attention from every position of the map to the audio of the clip."""

from torch import Tensor, nn

from avis.models.fusion.checks import check_audio_length
from avis.registry import MODELS


@MODELS.register_module()
class CrossAttentionFusion(nn.Module):
    """Multi-head attention of all positions to the T audio embeddings, residual and LayerNorm.

    The softmax runs over the frames of the clip; :class:`~avis.models.fusion.tpavi.TPAVI` has no
    softmax.

    Args:
        channels: C, width of the visual map.
        audio_dim: D, width of an audio embedding (128 for VGGish).
    """

    NUM_HEADS = 8

    def __init__(self, *, channels: int, audio_dim: int = 128) -> None:
        super().__init__()
        self.audio_proj = nn.Linear(audio_dim, channels)
        self.attention = nn.MultiheadAttention(channels, self.NUM_HEADS, batch_first=True)
        self.layer_norm = nn.LayerNorm(channels)

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fused map (B, T, C, H, W) and the projected audio (B, T, C).

        Args:
            visual: (B, T, C, H, W).
            audio: (B, T, D).
        """
        check_audio_length(self, visual, audio)
        audio_embed = self.audio_proj(audio)
        tokens = visual.permute(0, 1, 3, 4, 2)  # (B, T, H, W, C)
        queries = tokens.flatten(1, 3)  # (B, T*H*W, C)
        attended, _ = self.attention(queries, audio_embed, audio_embed, need_weights=False)
        mixed = self.layer_norm(queries + attended).view(tokens.shape)
        return mixed.permute(0, 1, 4, 2, 3), audio_embed

    def audio_attention(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Return the attention weight of each position on the audio of its frame, mean of heads.

        Args:
            visual: (B, T, C, H, W).
            audio: (B, T, D).

        Returns:
            (B, T, H, W), 0 to 1.
        """
        audio_embed = self.audio_proj(audio)
        queries = visual.permute(0, 1, 3, 4, 2).flatten(1, 3)
        _, weights = self.attention(queries, audio_embed, audio_embed)  # (B, T*H*W, T)
        weights = weights.unflatten(1, (visual.shape[1], *visual.shape[3:]))
        return weights.diagonal(dim1=1, dim2=4).permute(0, 3, 1, 2)
