"""Where there is a voice, without words: the detector of WebRTC, which needs no weights."""

import numpy as np

from avis.avtracker.interfaces import SpeechSegment
from avis.avtracker.loading import mono, require
from avis.registry import MODELS
from avis.structures.media import Waveform

_FRAME = 480  # samples: 30 ms, the longest that it takes


@MODELS.register_module()
class WebRTCVAD:
    """Stretches of sound like a voice with an empty text; a thousand times faster than real time.

    It knows only how loud a few bands of frequencies are. So it also hears voices that are unlike
    usual speech, of which
    :class:`~avis.avtracker.asr.silero_vad.SileroVAD` misses many, and takes
    much music for a voice.

    Args:
        mode: 0 hears most, 3 is surest.
        min_speech: Seconds; shorter stretches are dropped.
        min_silence: Seconds of silence that end a stretch.
        padding: Seconds added at both ends.
    """

    sample_rate = 16_000
    has_words = False

    def __init__(
        self,
        *,
        mode: int = 3,
        min_speech: float = 0.2,
        min_silence: float = 0.15,
        padding: float = 0.1,
    ) -> None:
        if mode not in range(4):
            raise ValueError(f'WebRTCVAD: mode must be 0, 1, 2 or 3, got {mode}')
        self.mode, self.min_speech = mode, min_speech
        self.min_silence, self.padding = min_silence, padding

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """Chunks in order of time, with empty texts."""
        package = require('webrtcvad', by='WebRTCVAD', install="pip install 'avis[offline]'")
        detector = package.Vad(self.mode)  # it adapts itself to what it hears
        samples = mono(waveform, self.sample_rate, by='WebRTCVAD')
        length = len(samples) / self.sample_rate
        whole = (samples.clip(-1, 1) * 32767).astype(np.int16)
        whole = whole[: len(whole) // _FRAME * _FRAME].reshape(-1, _FRAME)
        voiced = [detector.is_speech(frame.tobytes(), self.sample_rate) for frame in whole]
        edges = np.flatnonzero(np.diff([0, *map(int, voiced), 0])) * _FRAME / self.sample_rate
        spans: list[list[float]] = []
        for start, end in edges.reshape(-1, 2).tolist():
            if spans and start - spans[-1][1] < self.min_silence:
                spans[-1][1] = end
            else:
                spans.append([start, end])
        return [
            SpeechSegment('', (max(start - self.padding, 0.0), min(end + self.padding, length)))
            for start, end in spans
            if end - start >= self.min_speech
        ]
