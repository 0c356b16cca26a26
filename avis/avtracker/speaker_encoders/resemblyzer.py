"""Voices by Resemblyzer, whose weights come with its package."""

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.loading import mono, pick_device, require
from avis.registry import MODELS
from avis.structures.media import Waveform

# Its own requirements name a package that must be compiled; these do not.
_INSTALL = 'pip install --no-deps resemblyzer webrtcvad-wheels'


@MODELS.register_module()
class Resemblyzer:
    """256 numbers per voice (GE2E); the same voice has a cosine above about 0.86.

    Args:
        min_seconds: Least speech left after pauses are cut out.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
    """

    sample_rate = 16_000
    threshold = 0.8  # of the cosine, for joining chunks: turns are shorter than utterances
    not_in_cache_key = ('device',)

    def __init__(self, *, min_seconds: float = 0.4, device: str | None = None) -> None:
        self.min_seconds, self.device = min_seconds, device

    def embed(self, waveform: Waveform) -> NDArray[np.float32]:
        """Embedding (256,); `ValueError` where there is too little speech."""
        package, encoder = self._encoder
        samples = mono(waveform, self.sample_rate, by='Resemblyzer')
        # Its preprocessing takes the logarithm of the loudness.
        speech = package.preprocess_wav(samples) if samples.any() else samples[:0]
        if len(speech) < self.min_seconds * self.sample_rate:
            raise ValueError(
                f'Resemblyzer: {len(speech) / self.sample_rate:.2f} s of speech, at least '
                f'{self.min_seconds} s are needed'
            )
        return np.asarray(encoder.embed_utterance(speech), np.float32)

    @cached_property
    def _encoder(self) -> tuple[Any, Any]:
        """The package and its network."""
        return _load(pick_device(self.device))


@lru_cache(maxsize=2)
def _load(device: str) -> tuple[Any, Any]:
    """The package and its network; all parts on a device share them."""
    package = require('resemblyzer', by='Resemblyzer', install=_INSTALL)
    return package, package.VoiceEncoder(device, verbose=False)
