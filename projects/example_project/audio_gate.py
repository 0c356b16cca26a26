"""A fusion block of a third party: scale visual channels by the audio."""

import torch
from torch import Tensor, nn

from avis.registry import MODELS


@MODELS.register_module()
class AudioGate(nn.Module):
    """Scale each visual channel by a factor computed from the audio of the same frame.

    Args:
        channels: C, channels of the visual map.
        audio_dim: D, channels of the audio embeddings.
    """

    def __init__(self, *, channels: int, audio_dim: int = 128) -> None:
        super().__init__()
        self.project = nn.Linear(audio_dim, channels)

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Scale a visual map by the audio.

        Args:
            visual: (B, T, C, H, W).
            audio: (B, T, D).

        Returns:
            The scaled map (B, T, C, H, W) and the projected audio (B, T, C).
        """
        audio = self.project(audio)  # (B, T, C)
        # Values in (0, 2): 1 leaves a channel unchanged.
        factor = 2 * torch.sigmoid(audio)
        return visual * factor[..., None, None], audio
