"""A fusion block of a third party: scale visual channels by what is heard."""

import torch
from torch import Tensor, nn

from avis.registry import MODELS


@MODELS.register_module()
class AudioGate(nn.Module):
    """Scale each visual channel by a factor read from the sound of the same frame.

    Args:
        channels: C, width of the visual map.
        audio_dim: D, width of one audio row.
    """

    def __init__(self, *, channels: int, audio_dim: int = 128) -> None:
        super().__init__()
        self.project = nn.Linear(audio_dim, channels)

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Gate a map by the sound.

        Args:
            visual: (B, T, C, H, W).
            audio: (B, T, D).

        Returns:
            The gated map (B, T, C, H, W) and the sound in its channel space (B, T, C).
        """
        audio = self.project(audio)  # (B, T, C)
        # Values in (0, 2): 1 leaves a channel unchanged.
        factor = 2 * torch.sigmoid(audio)
        return visual * factor[..., None, None], audio
