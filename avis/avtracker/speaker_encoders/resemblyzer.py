"""Speaker embeddings of Resemblyzer, whose weights are included in its package."""

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.loading import mono, pick_device
from avis.registry import MODELS
from avis.structures.media import Waveform
from avis.utils.optional import require

# Without --no-deps pip would compile webrtcvad, which webrtcvad-wheels replaces.
_INSTALL = 'pip install --no-deps resemblyzer webrtcvad-wheels'
_MIN_SECONDS = 0.4  # without pauses: less is not enough for a reliable embedding


@MODELS.register_module()
class Resemblyzer:
    """Speaker embeddings (256,) trained with GE2E; one speaker has a cosine above about 0.86.

    Args:
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
    """

    sample_rate = 16_000
    threshold = 0.8  # minimum cosine of one speaker: segments are shorter than utterances
    not_in_cache_key = ('device',)

    def __init__(self, *, device: str | None = None) -> None:
        self.device = device

    def embed(self, waveform: Waveform) -> NDArray[np.float32]:
        """See :class:`~avis.avtracker.interfaces.SpeakerEncoder`; pauses are removed first."""
        package, encoder = self._encoder
        samples = mono(waveform, self.sample_rate, by='Resemblyzer')
        # The preprocessing takes the logarithm of the loudness.
        speech = package.preprocess_wav(samples) if samples.any() else samples[:0]
        if len(speech) < _MIN_SECONDS * self.sample_rate:
            raise ValueError(
                f'Resemblyzer: expected at least {_MIN_SECONDS} s of speech, got '
                f'{len(speech) / self.sample_rate:.2f} s'
            )
        return np.asarray(encoder.embed_utterance(speech), np.float32)

    @cached_property
    def _encoder(self) -> tuple[Any, Any]:
        """The package and its network."""
        return _load(pick_device(self.device))


@lru_cache(maxsize=2)
def _load(device: str) -> tuple[Any, Any]:
    """The package and its network, shared by all components on a device."""
    package = require('resemblyzer', by='Resemblyzer', install=_INSTALL)
    return package, package.VoiceEncoder(device, verbose=False)
