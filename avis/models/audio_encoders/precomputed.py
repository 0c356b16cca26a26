"""Audio embeddings that were computed before: one per frame, from the data set."""

from avis.models.audio_encoders.base import AudioEncoder
from avis.registry import MODELS


@MODELS.register_module()
class PrecomputedAudio(AudioEncoder):
    """Check embeddings (B, T, C) and return them unchanged.

    Args:
        channels: C, width of an audio embedding (128 for VGGish).
    """

    def __init__(self, *, channels: int = 128) -> None:
        super().__init__()
        self.out_channels = channels
        self.accepts = f'embeddings (B, T, {channels})'
