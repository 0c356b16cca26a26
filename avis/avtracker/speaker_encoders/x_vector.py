"""Voices by an x-vector model of transformers."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.loading import loading_weights, mono, pick_device, require
from avis.registry import MODELS
from avis.structures.media import Waveform


@MODELS.register_module()
class XVector:
    """One vector per voice from WavLM, wav2vec 2, UniSpeech or alike.

    Args:
        model: Folder, or name on the hub.
        min_seconds: Shorter sound is refused.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
    """

    sample_rate = 16_000
    threshold = 0.86  # of the cosine, as published for WavLM
    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        model: str = 'microsoft/wavlm-base-plus-sv',
        min_seconds: float = 0.4,
        device: str | None = None,
    ) -> None:
        self.model, self.min_seconds, self.device = model, min_seconds, device

    def embed(self, waveform: Waveform) -> NDArray[np.float32]:
        """Embedding (D,)."""
        import torch

        samples = mono(waveform, self.sample_rate, by='XVector')
        if len(samples) < self.min_seconds * self.sample_rate:
            raise ValueError(
                f'XVector: {waveform.seconds:.2f} s of sound, at least {self.min_seconds} s are '
                f'needed'
            )
        extractor, network = self._network
        inputs = extractor(samples, sampling_rate=self.sample_rate, return_tensors='pt')
        with torch.inference_mode():
            output = network(**inputs.to(network.device))
        return output.embeddings[0].float().cpu().numpy()

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        """Feature extractor and network."""
        transformers = require('transformers', by='XVector', install="pip install 'avis[speech]'")
        with loading_weights(self.model, by='XVector'):
            extractor = transformers.AutoFeatureExtractor.from_pretrained(self.model)
            network = transformers.AutoModelForAudioXVector.from_pretrained(self.model)
            return extractor, network.eval().to(pick_device(self.device))
