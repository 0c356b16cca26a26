"""Speech recognition with Whisper of transformers."""

from functools import cached_property
from typing import Any

from avis.avtracker.interfaces import SpeechSegment
from avis.avtracker.loading import loading_weights, mono, pick_device
from avis.registry import MODELS
from avis.structures.media import Waveform
from avis.utils.optional import require


@MODELS.register_module()
class WhisperASR:
    """Recognizes speech segments with words and times.

    The defaults are those of AVTracker: the model detects the language and reads long audio
    sequentially, in half precision on a GPU.

    Args:
        model: Folder, or name on the Hugging Face hub.
        language: Such as ``'en'``; None lets the model detect it.
        window_seconds: None reads long audio sequentially, each window conditioned on the one
            before. A number (1 to 30) cuts it into overlapping windows, read ``batch_size`` at a
            time, which is faster and slightly less accurate at the boundaries.
        batch_size: Number of windows read together.
        min_seconds: Shorter audio has no speech. The default is one analysis window; the official
            protocol sets 0, where audio of any length is padded to 30 s and transcribed.
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
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
        min_seconds: float = 0.025,
        device: str | None = None,
        generate: dict[str, Any] | None = None,
    ) -> None:
        if window_seconds is not None and not 1 <= window_seconds <= 30:
            raise ValueError(
                f'WhisperASR: expected window_seconds from 1 to 30 or None, got {window_seconds}'
            )
        self.model, self.language, self.device = model, language, device
        self.window_seconds, self.batch_size = window_seconds, batch_size
        self.min_seconds = min_seconds
        self.generate = generate or {}

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """Segments of Whisper: texts start with a space, the last end may be None."""
        samples = mono(waveform, self.sample_rate, by='WhisperASR')
        if not len(samples) or len(samples) < self.min_seconds * self.sample_rate:
            return []
        options = {**self.generate, **({'language': self.language} if self.language else {})}
        windows: dict[str, Any] = {}
        if self.window_seconds is not None:
            windows = {'chunk_length_s': self.window_seconds, 'batch_size': self.batch_size}
            windows['ignore_warning'] = True  # about less accurate boundaries
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
