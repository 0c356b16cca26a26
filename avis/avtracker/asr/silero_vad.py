"""Voice activity detection with silero-vad, whose weights are included in its package."""

from functools import cached_property
from typing import Any

from avis.avtracker.interfaces import SpeechSegment
from avis.avtracker.loading import mono
from avis.registry import MODELS
from avis.structures.media import Waveform
from avis.utils.optional import require


@MODELS.register_module()
class SileroVAD:
    """Detects speech segments, without words; on the CPU 60 times faster than real time.

    Args:
        threshold: Minimum probability of speech.
        min_speech: Minimum length of a segment in seconds; shorter ones are dropped.
        min_silence: Length of a pause that ends a segment, in seconds.
        max_speech: Maximum length of a segment in seconds; longer ones are cut at their longest
            pause.
        padding: Seconds added at both ends of a segment.
    """

    sample_rate = 16_000
    has_words = False

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        min_speech: float = 0.25,
        min_silence: float = 0.3,
        max_speech: float = 15.0,
        padding: float = 0.03,
    ) -> None:
        self.threshold, self.min_speech = threshold, min_speech
        self.min_silence, self.max_speech, self.padding = min_silence, max_speech, padding

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """Segments ordered by time, with empty texts."""
        import torch

        samples = torch.from_numpy(mono(waveform, self.sample_rate, by='SileroVAD'))
        if not len(samples):
            return []
        package, model = self._vad
        model.reset_states()
        spans = package.get_speech_timestamps(
            samples,
            model,
            threshold=self.threshold,
            sampling_rate=self.sample_rate,
            min_speech_duration_ms=round(1000 * self.min_speech),
            min_silence_duration_ms=round(1000 * self.min_silence),
            max_speech_duration_s=self.max_speech,
            speech_pad_ms=round(1000 * self.padding),
        )
        rate = self.sample_rate
        return [SpeechSegment('', (span['start'] / rate, span['end'] / rate)) for span in spans]

    @cached_property
    def _vad(self) -> tuple[Any, Any]:
        """The package and its network."""
        import torch

        threads = torch.get_num_threads()
        try:
            package = require('silero_vad', by='SileroVAD', install="pip install 'avis[offline]'")
            return package, package.load_silero_vad()
        finally:
            torch.set_num_threads(threads)  # the import sets one thread for the whole process
