"""Fusion blocks of the ablation: none, addition, concatenation."""

from torch import Tensor, nn

from avis.models.fusion.checks import audio_similarity, check_audio_length
from avis.registry import MODELS


@MODELS.register_module()
class NoFusion(nn.Module):
    """Return the visual map unchanged: the model without audio.

    Args:
        channels: C, width of the visual map.
        audio_dim: D, width of an audio embedding; unused, accepted so that all blocks have the same
            arguments.
    """

    def __init__(self, *, channels: int, audio_dim: int = 128) -> None:
        super().__init__()
        self.channels, self.audio_dim = channels, audio_dim

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Return visual (B, T, C, H, W) unchanged, and zeros (B, T, C) as the projected audio."""
        check_audio_length(self, visual, audio)
        return visual, audio.new_zeros(*audio.shape[:2], self.channels)


@MODELS.register_module()
class AddFusion(nn.Module):
    """Add the audio of a frame, projected to C channels, to every position of its map.

    Args:
        channels: C, width of the visual map.
        audio_dim: D, width of an audio embedding (128 for VGGish).
    """

    def __init__(self, *, channels: int, audio_dim: int = 128) -> None:
        super().__init__()
        self.audio_proj = nn.Linear(audio_dim, channels)

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fused map (B, T, C, H, W) and the projected audio (B, T, C).

        Args:
            visual: (B, T, C, H, W).
            audio: (B, T, D).
        """
        check_audio_length(self, visual, audio)
        audio_embed = self.audio_proj(audio)
        return visual + audio_embed[..., None, None], audio_embed

    def audio_attention(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Return :func:`~avis.models.fusion.checks.audio_similarity`: it has no attention.

        Args:
            visual: (B, T, C, H, W).
            audio: (B, T, D).

        Returns:
            (B, T, H, W), -1 to 1.
        """
        return audio_similarity(visual, self.audio_proj(audio))


@MODELS.register_module()
class ConcatFusion(nn.Module):
    """Concatenate map and audio along the channels and mix them with a 1x1 convolution.

    The convolution is applied in two halves: the half that reads the audio runs once per frame
    instead of once per position, and the concatenated map is never built.

    Args:
        channels: C, width of the visual map.
        audio_dim: D, width of an audio embedding (128 for VGGish).
    """

    def __init__(self, *, channels: int, audio_dim: int = 128) -> None:
        super().__init__()
        self.audio_proj = nn.Linear(audio_dim, channels)
        self.mix_visual = nn.Conv2d(channels, channels, 1)
        self.mix_audio = nn.Linear(channels, channels, bias=False)

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fused map (B, T, C, H, W) and the projected audio (B, T, C).

        Args:
            visual: (B, T, C, H, W).
            audio: (B, T, D).
        """
        check_audio_length(self, visual, audio)
        audio_embed = self.audio_proj(audio)
        mixed = self.mix_visual(visual.flatten(0, 1)).unflatten(0, visual.shape[:2])
        return mixed + self.mix_audio(audio_embed)[..., None, None], audio_embed

    def audio_attention(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Return :func:`~avis.models.fusion.checks.audio_similarity`: it has no attention.

        Args:
            visual: (B, T, C, H, W).
            audio: (B, T, D).

        Returns:
            (B, T, H, W), -1 to 1.
        """
        return audio_similarity(visual, self.audio_proj(audio))
