"""Fusion blocks of the ablation: no sound, sound added, sound concatenated."""

from torch import Tensor, nn

from avis.models.fusion.checks import check_rows
from avis.registry import MODELS


@MODELS.register_module()
class NoFusion(nn.Module):
    """Leave the visual map as it is: the model that cannot hear.

    Args:
        channels: C, width of the visual map.
        audio_dim: D, width of one row of sound; accepted so that all blocks take the same keys.
    """

    def __init__(self, *, channels: int, audio_dim: int = 128) -> None:
        super().__init__()
        self.channels, self.audio_dim = channels, audio_dim

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Return visual (B, T, C, H, W) itself, and zeros (B, T, C) in place of the sound."""
        check_rows(self, visual, audio)
        return visual, audio.new_zeros(*audio.shape[:2], self.channels)


@MODELS.register_module()
class AddFusion(nn.Module):
    """Add the sound of a frame, brought to C channels, to every position of its map.

    Args:
        channels: C, width of the visual map.
        audio_dim: D, width of one row of sound (128 for VGGish).
    """

    def __init__(self, *, channels: int, audio_dim: int = 128) -> None:
        super().__init__()
        self.audio_proj = nn.Linear(audio_dim, channels)

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Mix audio (B, T, D) into visual (B, T, C, H, W); also return the sound (B, T, C)."""
        check_rows(self, visual, audio)
        audio_embed = self.audio_proj(audio)
        return visual + audio_embed[..., None, None], audio_embed


@MODELS.register_module()
class ConcatFusion(nn.Module):
    """Concatenate map and sound along the channels and mix them with a 1x1 convolution.

    The convolution is applied to its two halves separately: the half that reads the sound does so
    once per frame instead of once per position, and the concatenated map is never built.

    Args:
        channels: C, width of the visual map.
        audio_dim: D, width of one row of sound (128 for VGGish).
    """

    def __init__(self, *, channels: int, audio_dim: int = 128) -> None:
        super().__init__()
        self.audio_proj = nn.Linear(audio_dim, channels)
        self.mix_visual = nn.Conv2d(channels, channels, 1)
        self.mix_audio = nn.Linear(channels, channels, bias=False)

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Mix audio (B, T, D) into visual (B, T, C, H, W); also return the sound (B, T, C)."""
        check_rows(self, visual, audio)
        audio_embed = self.audio_proj(audio)
        mixed = self.mix_visual(visual.flatten(0, 1)).unflatten(0, visual.shape[:2])
        return mixed + self.mix_audio(audio_embed)[..., None, None], audio_embed
