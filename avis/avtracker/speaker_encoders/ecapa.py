"""Voices by an encoder of SpeechBrain."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.loading import loading_weights, mono, pick_device, require
from avis.registry import MODELS
from avis.structures.media import Waveform


@MODELS.register_module()
class ECAPA:
    """192 numbers per voice: the encoder with which AVTracker joins chunks.

    Args:
        model: Folder, or name on the hub.
        min_seconds: Shorter sound is refused.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
    """

    sample_rate = 16_000
    threshold = 0.35  # of the cosine, as AVTracker
    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        model: str = 'speechbrain/spkrec-ecapa-voxceleb',
        min_seconds: float = 0.1,
        device: str | None = None,
    ) -> None:
        self.model, self.min_seconds, self.device = model, min_seconds, device

    def embed(self, waveform: Waveform) -> NDArray[np.float32]:
        """Embedding (D,)."""
        import torch

        samples = mono(waveform, self.sample_rate, by='ECAPA')
        if len(samples) < self.min_seconds * self.sample_rate:
            raise ValueError(
                f'ECAPA: {waveform.seconds:.2f} s of sound, at least {self.min_seconds} s are '
                f'needed'
            )
        with torch.inference_mode():
            embedding = self._encoder.encode_batch(torch.from_numpy(samples)[None])
        return embedding.flatten().float().cpu().numpy()

    @cached_property
    def _encoder(self) -> Any:
        """The classifier of SpeechBrain; it needs the device when it is loaded."""
        speaker = require(
            'speechbrain.inference.speaker', by='ECAPA', install="pip install 'avis[speechbrain]'"
        )
        with loading_weights(self.model, by='ECAPA'):
            return speaker.EncoderClassifier.from_hparams(
                source=self.model, run_opts={'device': pick_device(self.device)}
            )
