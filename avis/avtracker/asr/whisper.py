"""Whisper of transformers as a recognizer of whole videos."""

from functools import cached_property
from typing import Any

from avis.avtracker.interfaces import SpeechSegment
from avis.avtracker.loading import loading_weights, mono, pick_device, require
from avis.registry import MODELS
from avis.structures.media import Waveform

_SHORTEST = 400  # samples of one analysis window: less has no spectrum


@MODELS.register_module()
class WhisperASR:
    """Words with the times of their segments.

    By default as AVTracker calls it: the language is guessed, sound of any length is read in
    sequence, half precision on a GPU.

    Args:
        model: Folder, or name on the hub.
        language: Such as ``'en'``; None lets the model guess.
        window_seconds: None reads long sound in sequence, each window knowing the one before.
            A number (at most 30) cuts it into overlapping windows, read ``batch_size`` at a time:
            faster, a little less exact at the seams.
        batch_size: Windows read together.
        device: Such as ``'cuda:1'``; None takes the current GPU, else the CPU.
        generate: Further arguments of ``generate``.
    """

    sample_rate = 16_000
    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        model: str = 'openai/whisper-large-v3-turbo',
        language: str | None = None,
        window_seconds: float | None = None,
        batch_size: int = 8,
        device: str | None = None,
        generate: dict[str, Any] | None = None,
    ) -> None:
        if window_seconds is not None and not 1 <= window_seconds <= 30:
            raise ValueError(f'WhisperASR: window_seconds is 1 to 30 or None, got {window_seconds}')
        self.model, self.language, self.device = model, language, device
        self.window_seconds, self.batch_size = window_seconds, batch_size
        self.generate = generate or {}

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """Chunks as recognized: texts start with a blank, the last end may be missing."""
        samples = mono(waveform, self.sample_rate, by='WhisperASR')
        if len(samples) < _SHORTEST:
            return []
        options = {**self.generate, **({'language': self.language} if self.language else {})}
        windows: dict[str, Any] = {}
        if self.window_seconds is not None:
            windows = {'chunk_length_s': self.window_seconds, 'batch_size': self.batch_size}
            windows['ignore_warning'] = True  # that seams are less exact; said above
        result = self._pipeline(
            {'raw': samples, 'sampling_rate': self.sample_rate},
            return_timestamps=True,
            generate_kwargs=options,
            **windows,
        )
        return [SpeechSegment(chunk['text'], chunk['timestamp']) for chunk in result['chunks']]

    @cached_property
    def _pipeline(self) -> Any:
        """The pipeline of transformers, loaded once."""
        import torch

        transformers = require(
            'transformers', by='WhisperASR', install="pip install 'avis[speech]'"
        )
        device = pick_device(self.device)
        with loading_weights(self.model, by='WhisperASR'):
            return transformers.pipeline(
                'automatic-speech-recognition',
                model=self.model,
                dtype=torch.float32 if device == 'cpu' else torch.float16,
                device=device,
            )
