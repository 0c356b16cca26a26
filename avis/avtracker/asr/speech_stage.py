"""The first stage: who says what when, as segments of speech.

``SpeechStage.run`` reads from top to bottom as recognize, separate, join.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from avis.avtracker.asr.corrected_segments import (
    Spans,
    contains_words,
    join_repetitions,
    join_simultaneous,
    join_speakers,
    merge_duplicates,
    settle_times,
)
from avis.avtracker.asr.segments import Segment, Span, sample_range
from avis.avtracker.interfaces import ModelUnavailable, Separator, SpeakerEncoder, SpeechRecognizer
from avis.avtracker.loading import build_part
from avis.registry import MODELS
from avis.structures.media import Waveform
from avis.utils.similarity import cosine_similarity


@dataclass
class SpeechRecord:
    """The recognized speech and how it became the final segments; everything is JSON-ready.

    Attributes:
        steps: The segments after each step, ``final`` last.
        similarity_calls: Sample ranges compared, with the value (None: could not be compared).
        separator_calls: Segments passed to the separator.
        counts: How often something was left out or replaced.
    """

    steps: dict[str, list[Segment]] = field(default_factory=dict)
    similarity_calls: list[dict[str, Any]] = field(default_factory=list)
    separator_calls: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=Counter)

    @property
    def final(self) -> list[Segment]:
        """The segments that become windows."""
        return self.steps['final']

    def add(self, step: str, segments: list[Segment]) -> list[Segment]:
        """Keep a copy of the segments after a step, and return them."""
        known = ('text', 'timestamp', 'speaker')
        self.steps[step] = [{key: each[key] for key in known if key in each} for each in segments]
        return segments

    def to_json(self) -> dict[str, Any]:
        """For the record and the cache."""
        return {**vars(self), 'counts': dict(self.counts)}


@MODELS.register_module()
class SpeechStage:
    """Recognizer, separator and speaker encoder combined.

    Args:
        recognizer: Speech recognizer, as config or built.
        separator: Separates overlapping speakers, as config or built; None separates nothing.
        encoder: Speaker encoder by which segments are joined, as config or built; None joins none.
        threshold: Least cosine similarity of one speaker; the encoder's own, or 0.35, if None.
        max_gap: Longest silence in seconds that joining bridges; without a bound (inf) the audio
            between the joined segments is compared too, as in the official code.
        max_seconds: Longest joined segment.
        separate: 'always', or 'overlap' to separate only segments that overlap another one: a
            diarization may return such, Whisper never does.
    """

    def __init__(
        self,
        *,
        recognizer: SpeechRecognizer | dict[str, Any],
        separator: Separator | dict[str, Any] | None = None,
        encoder: SpeakerEncoder | dict[str, Any] | None = None,
        threshold: float | None = None,
        max_gap: float = 2.0,
        max_seconds: float = 30.0,
        separate: str = 'always',
    ) -> None:
        if separate not in ('always', 'overlap'):
            raise ValueError(
                f"SpeechStage: expected separate to be 'always' or 'overlap', got {separate!r}"
            )
        self.recognizer: SpeechRecognizer = build_part(
            recognizer, method='transcribe', where='SpeechStage: recognizer'
        )
        self.separator: Separator | None = (
            separator
            if separator is None
            else build_part(separator, method='separate', where='SpeechStage: separator')
        )
        self.encoder: SpeakerEncoder | None = (
            encoder
            if encoder is None
            else build_part(encoder, method='embed', where='SpeechStage: encoder')
        )
        own = getattr(self.encoder, 'threshold', 0.35)
        self.threshold: float = own if threshold is None else threshold
        self.max_gap, self.max_seconds = max_gap, max_seconds
        self.separate = separate

    def run(self, audio: Waveform, record: SpeechRecord) -> SpeechRecord:
        """Fill ``record`` and return it; after an error it contains the steps before."""
        words = self._has_words
        recognized = record.add('recognized', self._transcribe(audio))
        # Where no word of a mixture is recognized, its separated sources may still have some.
        only_words = words and self.separator is None
        segments = settle_times(
            recognized, first=0.0, last=audio.seconds, words=only_words, moments=only_words
        )
        record.counts['chunks_without_length_or_words'] = len(recognized) - len(segments)
        if self.separator is not None:
            segments = record.add('separated', self._separate_all(audio, segments, record))
            meaningful = [s for s in segments if not words or contains_words(s['text'])]
            record.counts['meaningless_chunks'] = len(segments) - len(meaningful)
            segments = record.add('after_filter', meaningful)
            segments = merge_duplicates(segments) if words else segments
            segments = sorted(segments, key=lambda segment: segment['timestamp'][0])
            record.add('after_merge', segments)
        if self.encoder is not None:
            record.add('before_compression', segments)
            segments = join_speakers(
                segments,
                threshold=self.threshold,
                max_gap=self.max_gap,
                max_seconds=self.max_seconds,
                similarity=lambda one, other: self._similarity(audio, one, other, record),
            )
            record.add('after_compression', segments)
        if self.separator is not None and words:
            segments = join_repetitions(segments, max_gap=self.max_gap)
            segments = join_simultaneous(record.add('after_containment', segments))
        record.add('final', segments)
        return record

    def _resample(self, audio: Waveform, sample_rate: int) -> Waveform:
        return resample(audio, sample_rate)

    @property
    def _has_words(self) -> bool:
        return bool(getattr(self.recognizer, 'has_words', True))

    def _separate_all(
        self, audio: Waveform, segments: list[Segment], record: SpeechRecord
    ) -> list[Segment]:
        pooled: list[Segment] = []
        for index, segment in enumerate(segments):
            if self.separate == 'overlap' and not _overlaps_another(segment, segments):
                pooled.append(segment)
            else:
                pooled += self._source_segments(segment, index, audio, record)
        return pooled

    def _source_segments(
        self, segment: Segment, index: int, audio: Waveform, record: SpeechRecord
    ) -> list[Segment]:
        """Segments of the separated sources; the segment itself where they contain no words."""
        words = self._has_words
        start, end = segment['timestamp']
        found: list[Segment] = []
        try:
            for number, source in enumerate(self._separate_span(audio, (start, end), record)):
                recognized = [_shift(each, start) for each in self._transcribe(source)]
                for each in settle_times(recognized, first=start, last=end, words=words):
                    text = each['text'].strip()
                    found.append({**each, 'text': text, 'source': (index, number)})
        except (ImportError, ModelUnavailable):
            raise  # every segment would fail
        except Exception as error:  # any other failure of a component costs one segment
            found = []
            record.counts[f'separation_failed: {type(error).__name__}'] += 1
        if any(contains_words(each['text']) or not words for each in found):
            return found
        record.counts['chunks_kept_unseparated'] += 1
        return [{**segment, 'text': segment['text'].strip()}]

    def _transcribe(self, audio: Waveform) -> list[Segment]:
        segments = []
        for each in self.recognizer.transcribe(self._resample(audio, self.recognizer.sample_rate)):
            times = None if each.timestamp is None else list(each.timestamp)
            speaker = {} if each.speaker is None else {'speaker': each.speaker}
            segments.append({'text': each.text, 'timestamp': times, **speaker})
        return segments

    def _separate_span(self, audio: Waveform, span: Span, record: SpeechRecord) -> list[Waveform]:
        """The separated sources of a span of the audio."""
        assert self.separator is not None
        segment = _cut(audio, span)
        mixture = self._resample(segment, self.separator.sample_rate)
        call = {
            'start_sec': round(span[0], 6),
            'end_sec': round(span[1], 6),
            'segment_samples': len(segment.samples),
            'resampled_samples': len(mixture.samples),
            'sample_rate': self.separator.sample_rate,
            'num_sources': 0,
        }
        record.separator_calls.append(call)
        sources = self.separator.separate(mixture)
        call['num_sources'] = len(sources)
        return sources

    def _similarity(
        self, audio: Waveform, spans: Spans, others: Spans, record: SpeechRecord
    ) -> float:
        """Similarity; speech that is too short to compare counts as another speaker."""
        if math.isinf(self.max_gap):
            spans, others = _whole(spans), _whole(others)
        try:
            return self._compare(audio, spans, others, record)
        except ValueError:
            record.counts['voices_too_short_to_compare'] += 1
            return -1.0

    def _compare(
        self, audio: Waveform, spans: Sequence[Span], others: Sequence[Span], record: SpeechRecord
    ) -> float:
        """Cosine similarity of the speech in two lists of spans."""
        assert self.encoder is not None
        audio = self._resample(audio, self.encoder.sample_rate)
        size = {'samples': len(audio.samples), 'sample_rate': audio.sample_rate}
        ranges = [[sample_range(*span, **size) for span in each] for each in (spans, others)]
        a, b = ([each[0][0], each[-1][1]] for each in ranges)
        call: dict[str, Any] = {'a': a, 'b': b, 'value': None}
        record.similarity_calls.append(call)
        one, other = (self.encoder.embed(_join_ranges(audio, each)) for each in ranges)
        value = cosine_similarity(one, other)
        call['value'] = round(value, 6)
        return value


def resample(audio: Waveform, sample_rate: int) -> Waveform:
    """The same audio at another rate; ceil(S * new / old) samples."""
    if audio.sample_rate == sample_rate:
        return audio
    if not len(audio.samples):
        return dataclasses.replace(audio, sample_rate=sample_rate)
    from scipy.signal import resample_poly

    common = math.gcd(audio.sample_rate, sample_rate)
    samples = resample_poly(
        np.asarray(audio.samples), sample_rate // common, audio.sample_rate // common
    )
    return dataclasses.replace(audio, samples=samples.astype(np.float32), sample_rate=sample_rate)


def _whole(spans: Spans) -> Spans:
    """From the first start to the last end, including what lies between."""
    return [(spans[0][0], max(end for _, end in spans))]


def _join_ranges(audio: Waveform, ranges: list[tuple[int, int]]) -> Waveform:
    samples = np.concatenate([audio.samples[first:last] for first, last in ranges])
    start = ranges[0][0] / audio.sample_rate
    return dataclasses.replace(audio, samples=samples, start=start)


def _cut(audio: Waveform, span: Span) -> Waveform:
    first, last = sample_range(*span, samples=len(audio.samples), sample_rate=audio.sample_rate)
    return dataclasses.replace(audio, samples=audio.samples[first:last], start=span[0])


def _shift(segment: Segment, offset: float) -> Segment:
    if segment['timestamp'] is None:
        return segment
    times = [None if time is None else time + offset for time in segment['timestamp']]
    return {**segment, 'timestamp': times}


def _overlaps_another(segment: Segment, segments: list[Segment]) -> bool:
    start, end = segment['timestamp']
    return any(
        other is not segment and other['timestamp'][0] < end and start < other['timestamp'][1]
        for other in segments
    )
