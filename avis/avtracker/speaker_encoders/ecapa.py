"""Speaker embeddings of ECAPA-TDNN from SpeechBrain."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.loading import loading_weights, mono, pick_device
from avis.registry import MODELS
from avis.structures.media import Waveform
from avis.utils.optional import require


@MODELS.register_module()
class ECAPA:
    """Speaker embeddings (192,), with which AVTracker merges speech segments.

    Args:
        model: Folder, or name on the Hugging Face hub.
        min_seconds: Shortest audio that is embedded: less has too few frames to tell a speaker. The
            network itself takes 0.04 s; the official protocol sets 0.
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
    """

    sample_rate = 16_000
    threshold = 0.35  # minimum cosine similarity of one speaker, as in AVTracker
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
        """See :class:`~avis.avtracker.interfaces.SpeakerEncoder`."""
        import torch

        samples = mono(waveform, self.sample_rate, by='ECAPA')
        if len(samples) < self.min_seconds * self.sample_rate:
            raise ValueError(
                f'ECAPA: expected at least {self.min_seconds} s of audio, got '
                f'{waveform.seconds:.2f} s'
            )
        with torch.inference_mode():
            embedding = self._encoder.encode_batch(torch.from_numpy(samples)[None])
        return embedding.flatten().float().cpu().numpy()

    @cached_property
    def _encoder(self) -> Any:
        """The classifier of SpeechBrain, which takes the device when it is loaded."""
        speaker = require(
            'speechbrain.inference.speaker', by='ECAPA', install="pip install 'avis[speechbrain]'"
        )
        with loading_weights(self.model, by='ECAPA'):
            return speaker.EncoderClassifier.from_hparams(
                source=self.model, run_opts={'device': pick_device(self.device)}
            )
