"""Speaker diarization: who speaks when, without words."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.asr.ward_clusters import ward_clusters
from avis.avtracker.interfaces import SpeakerEncoder, SpeechRecognizer, SpeechSegment
from avis.avtracker.loading import build_part
from avis.registry import MODELS
from avis.structures.media import Waveform

_Span = tuple[float, float]
"""Start and end in seconds."""

_Turn = tuple[float, float, int | None]
"""Start and end in seconds, and the speaker."""


@MODELS.register_module()
class SpeakerDiarization:
    """Splits the speech segments of a VAD into segments of one speaker.

    Speaker embeddings of sliding windows over all speech of a video are clustered by Ward's method.
    Each step of a segment gets the cluster of the nearest window; neighboring steps of one cluster
    form a segment. Meant for a recognizer without words.

    Args:
        vad: Detects speech, as config or built.
        encoder: Encodes speakers, as config or built; it must use the sample rate of ``vad``.
        window: Length of a window in seconds: longer ones are more reliable, shorter ones find
            shorter segments.
        step: Distance of windows in seconds.
        distance_threshold: Distance from which two clusters are two speakers, see
            :func:`cluster_speakers`.
        min_segment: Minimum length of a segment in seconds; shorter ones are merged with a
            neighbor.
        padding: Seconds added at both ends of each segment of the VAD, after the clustering.
    """

    has_words = False

    def __init__(
        self,
        *,
        vad: SpeechRecognizer | dict[str, Any],
        encoder: SpeakerEncoder | dict[str, Any],
        window: float = 2.4,
        step: float = 0.4,
        distance_threshold: float = 0.6,
        min_segment: float = 0.6,
        padding: float = 0.1,
    ) -> None:
        if not 0 < step <= window:
            raise ValueError(
                f'SpeakerDiarization: expected 0 < step <= window, got step={step} and '
                f'window={window}'
            )
        self.vad: SpeechRecognizer = build_part(
            vad, method='transcribe', where='SpeakerDiarization: vad'
        )
        self.encoder: SpeakerEncoder = build_part(
            encoder, method='embed', where='SpeakerDiarization: encoder'
        )
        self.window, self.step, self.padding = window, step, padding
        self.distance_threshold, self.min_segment = distance_threshold, min_segment
        self.sample_rate = self.vad.sample_rate
        if self.encoder.sample_rate != self.sample_rate:
            raise ValueError(
                f'SpeakerDiarization: expected vad and encoder of one sample rate, got '
                f'{self.sample_rate} Hz and {self.encoder.sample_rate} Hz'
            )

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """Segments ordered by time, with speaker labels and empty texts."""
        speech = [
            (start or 0.0, waveform.seconds if end is None else end)
            for segment in self.vad.transcribe(waveform)
            for start, end in [segment.timestamp or (None, None)]
        ]
        windows = [window for span in speech for window in self._windows(span)]
        encoded = [(window, self._embed(waveform, window)) for window in windows]
        known = [(window, vector) for window, vector in encoded if vector is not None]
        clusters = cluster_speakers([vector for _, vector in known], self.distance_threshold)
        labeled = [(window, cluster) for (window, _), cluster in zip(known, clusters, strict=True)]
        return [
            SpeechSegment('', (start, end), None if speaker is None else f'speaker_{speaker}')
            for span in speech
            for start, end, speaker in self._pad(self._turns(span, labeled), waveform.seconds)
        ]

    def _windows(self, span: _Span) -> list[_Span]:
        """Overlapping windows that cover a span of speech."""
        start, end = span
        last = max(end - self.window, start)
        starts = [*np.arange(start, last, self.step), last]
        return [(float(begin), min(float(begin) + self.window, end)) for begin in starts]

    def _embed(self, waveform: Waveform, window: _Span) -> NDArray[np.float64] | None:
        """The embedding of a window, of length 1; None if it contains too little speech."""
        first, last = (round(second * waveform.sample_rate) for second in window)
        part = replace(waveform, samples=waveform.samples[first:last], start=window[0])
        try:
            vector = np.asarray(self.encoder.embed(part), np.float64)
        except ValueError:
            return None
        return vector / max(float(np.linalg.norm(vector)), 1e-9)

    def _turns(self, span: _Span, labeled: Sequence[tuple[_Span, int]]) -> list[_Turn]:
        """Divide a span of speech into turns of one speaker."""
        start, end = span
        count = max(1, round((end - start) / self.step))
        edges = np.linspace(start, end, count + 1)
        turns = [
            (float(left), float(right), _nearest_cluster((left + right) / 2, span, labeled))
            for left, right in itertools.pairwise(edges)
        ]
        return self._merge_short(_merge_equal(turns))

    def _pad(self, turns: list[_Turn], seconds: float) -> list[_Turn]:
        """The turns of a span, extended at the start of the first and the end of the last."""
        (start, end, speaker), *others = turns
        padded = [(max(start - self.padding, 0.0), end, speaker), *others]
        start, end, speaker = padded[-1]
        return [*padded[:-1], (start, min(end + self.padding, seconds), speaker)]

    def _merge_short(self, turns: list[_Turn]) -> list[_Turn]:
        """Merge too short turns with their longer neighbor, shortest first."""
        while len(turns) > 1:
            shortest = min(range(len(turns)), key=lambda i: turns[i][1] - turns[i][0])
            if turns[shortest][1] - turns[shortest][0] >= self.min_segment:
                break
            neighbors = [i for i in (shortest - 1, shortest + 1) if 0 <= i < len(turns)]
            target = max(neighbors, key=lambda i: turns[i][1] - turns[i][0])
            low, high = sorted((shortest, target))
            turns[low : high + 1] = [(turns[low][0], turns[high][1], turns[target][2])]
            turns = _merge_equal(turns)
        return turns


def _merge_equal(turns: list[_Turn]) -> list[_Turn]:
    """Merge neighboring turns of one speaker."""
    merged = turns[:1]
    for turn in turns[1:]:
        if turn[2] == merged[-1][2]:
            merged[-1] = (merged[-1][0], turn[1], turn[2])
        else:
            merged.append(turn)
    return merged


def _nearest_cluster(
    second: float, span: _Span, labeled: Sequence[tuple[_Span, int]]
) -> int | None:
    """The cluster of the window in this span whose center is nearest; None without a window."""
    own = [
        (abs((start + end) / 2 - second), cluster)
        for (start, end), cluster in labeled
        if start >= span[0] - 1e-6 and end <= span[1] + 1e-6
    ]
    return min(own)[1] if own else None


def cluster_speakers(
    embeddings: Sequence[NDArray[np.float64]], distance_threshold: float
) -> list[int]:
    """Cluster unit vectors by Ward's method; clusters are numbered by their first member.

    Ward's distance grows with the size of the clusters, so that a few outliers join the nearest
    speaker instead of becoming one. Because it also grows for parts of a single speaker, two
    clusters of N vectors in total stay separate only if it exceeds ``distance_threshold`` times
    the fourth root of N.

    >>> cluster_speakers([np.array([1.0, 0]), np.array([0, 1.0]), np.array([0.9, 0.1])], 0.65)
    [0, 1, 0]
    """
    if len(embeddings) < 2:
        return [0] * len(embeddings)
    threshold = distance_threshold * len(embeddings) ** 0.25
    return ward_clusters(np.stack(embeddings), threshold)
