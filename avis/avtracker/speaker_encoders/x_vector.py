"""Speaker embeddings of the x-vector models of transformers."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.loading import loading_weights, mono, pick_device
from avis.registry import MODELS
from avis.structures.media import Waveform
from avis.utils.optional import require

_MIN_SECONDS = 0.4  # less audio has too little speech for a reliable embedding


@MODELS.register_module()
class XVector:
    """X-vectors (D,) of WavLM, wav2vec 2, UniSpeech or similar models.

    Args:
        model: Folder, or name on the Hugging Face hub.
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
    """

    sample_rate = 16_000
    threshold = 0.86  # minimum cosine similarity of one speaker, as published for WavLM
    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        model: str = 'microsoft/wavlm-base-plus-sv',
        device: str | None = None,
    ) -> None:
        self.model, self.device = model, device

    def embed(self, waveform: Waveform) -> NDArray[np.float32]:
        """See :class:`~avis.avtracker.interfaces.SpeakerEncoder`."""
        import torch

        samples = mono(waveform, self.sample_rate, by='XVector')
        if len(samples) < _MIN_SECONDS * self.sample_rate:
            raise ValueError(
                f'XVector: expected at least {_MIN_SECONDS} s of audio, got '
                f'{waveform.seconds:.2f} s'
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
