"""The first stage: who says what when, as chunks of speech.

``SpeechStage.run`` follows the released code (``protocol='official'``) or the corrected way; both
are readable from top to bottom in ``_official`` and ``_corrected``.
"""

import dataclasses
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.asr import corrected_segments as corrected
from avis.avtracker.interfaces import ModelUnavailable, Separator, SpeakerEncoder, SpeechRecognizer
from avis.avtracker.loading import build_part
from avis.avtracker.official import segments as official
from avis.avtracker.official.segments import Segment
from avis.registry import MODELS
from avis.structures.media import Waveform


@dataclass
class SpeechRecord:
    """What was heard and how it became the final chunks; everything is JSON-ready.

    Attributes:
        steps: The chunks after each step, ``final`` last.
        similarity_calls: Sample ranges compared, with the value (None: could not be compared).
        separator_calls: Segments handed to the separator.
        counts: How often something had to be left out or replaced.
    """

    steps: dict[str, list[Segment]] = field(default_factory=dict)
    similarity_calls: list[dict[str, Any]] = field(default_factory=list)
    separator_calls: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=Counter)

    @property
    def final(self) -> list[Segment]:
        """The chunks that become windows."""
        return self.steps['final']

    def note(self, step: str, chunks: list[Segment]) -> list[Segment]:
        """Keep a copy of the chunks after a step."""
        known = ('text', 'timestamp', 'speaker')
        self.steps[step] = [{key: chunk[key] for key in known if key in chunk} for chunk in chunks]
        return chunks

    def to_json(self) -> dict[str, Any]:
        """For the record and the cache."""
        return {**vars(self), 'counts': dict(self.counts)}


@MODELS.register_module()
class SpeechStage:
    """Recognizer, separator and speaker encoder put together, as configs or built.

    Args:
        recognizer: Hears the words.
        separator: Takes voices apart; None leaves the sound as it is.
        encoder: Compares voices to join chunks; None joins nothing.
        threshold: Least cosine similarity of one voice; the encoder's own, or 0.35, if None.
        max_gap: Longest silence in seconds that joining bridges (corrected protocol); without a
            bound (inf) voices are compared with all that lies between, as released.
        max_seconds: Longest joined chunk (corrected protocol).
        separate: 'always', or 'overlap' to separate only what the recognizer hears at one time
            with something else (corrected protocol): a diarization may, Whisper never does.
    """

    protocol = 'corrected'

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
                f"SpeechStage: separate must be 'always' or 'overlap', got {separate!r}"
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

    @property
    def _has_words(self) -> bool:
        return bool(getattr(self.recognizer, 'has_words', True))

    def run(self, audio: Waveform, record: SpeechRecord) -> SpeechRecord:
        """Fill ``record``; what it holds when an error is raised tells how far it came."""
        return (self._official if self.protocol == 'official' else self._corrected)(audio, record)

    def _official(self, audio: Waveform, record: SpeechRecord) -> SpeechRecord:
        chunks = self._transcribe(audio)
        if self.separator is not None:
            pooled = record.note('separated', self._official_sources(audio, chunks, record))
            chunks = record.note('after_merge', official.merge_repeats(pooled))
            chunks = sorted(chunks, key=lambda chunk: chunk['timestamp'][0])
            record.note('after_separation', chunks)
        if self.encoder is not None:
            record.note('before_compression', chunks)
            chunks = official.compress(
                chunks,
                seconds=audio.seconds,
                threshold=self.threshold,
                similarity=lambda one, other: self._similarity(audio, [one], [other], record),
            )
            record.note('after_compression', chunks)
        if self.separator is not None:
            chunks = [chunk for chunk in chunks if official.is_meaningful(chunk['text'])]
            record.note('after_filter', chunks)
            chunks = record.note('after_containment', official.join_contained(chunks))
            chunks = record.note('after_same_timestamp', official.join_same_times(chunks))
        record.note('final', chunks)
        return record

    def _official_sources(
        self, audio: Waveform, chunks: list[Segment], record: SpeechRecord
    ) -> list[Segment]:
        pooled: list[Segment] = []
        for chunk in chunks:
            times = official.usable_timestamp(chunk['timestamp'], audio.seconds)
            if times is not None:
                for source in self._separate(audio, times, record):
                    heard = self._transcribe(source)
                    pooled += official.source_chunks(heard, times[0], audio.seconds)
        return pooled

    def _corrected(self, audio: Waveform, record: SpeechRecord) -> SpeechRecord:
        words = self._has_words
        heard = record.note('recognized', self._transcribe(audio))
        # In a mixture in which no word is understood the separated voices may hold some.
        asked = words and self.separator is None
        chunks = corrected.settle(heard, first=0.0, last=audio.seconds, words=asked, moments=asked)
        record.counts['chunks_without_length_or_words'] = len(heard) - len(chunks)
        if self.separator is not None:
            chunks = record.note('separated', self._corrected_sources(audio, chunks, record))
            meaningful = [c for c in chunks if not words or corrected.is_meaningful(c['text'])]
            record.counts['meaningless_chunks'] = len(chunks) - len(meaningful)
            chunks = record.note('after_filter', meaningful)
            chunks = corrected.merge_repeats(chunks) if words else chunks
            chunks = sorted(chunks, key=lambda chunk: chunk['timestamp'][0])
            record.note('after_merge', chunks)
        if self.encoder is not None:
            record.note('before_compression', chunks)
            chunks = corrected.compress(
                chunks,
                threshold=self.threshold,
                max_gap=self.max_gap,
                max_seconds=self.max_seconds,
                similarity=lambda one, other: self._corrected_similarity(audio, one, other, record),
            )
            record.note('after_compression', chunks)
        if self.separator is not None and words:
            chunks = corrected.join_contained(chunks, max_gap=self.max_gap)
            chunks = corrected.join_same_times(record.note('after_containment', chunks))
        record.note('final', chunks)
        return record

    def _corrected_sources(
        self, audio: Waveform, chunks: list[Segment], record: SpeechRecord
    ) -> list[Segment]:
        pooled: list[Segment] = []
        for number, chunk in enumerate(chunks):
            if self.separate == 'overlap' and not _overlapped(chunk, chunks):
                pooled.append(chunk)
            else:
                pooled += self._voices_in(chunk, number, audio, record)
        return pooled

    def _voices_in(
        self, chunk: Segment, number: int, audio: Waveform, record: SpeechRecord
    ) -> list[Segment]:
        """What the separated voices say; the chunk as it is where they say nothing (D23)."""
        words = self._has_words
        start, end = chunk['timestamp']
        found: list[Segment] = []
        try:
            for voice, source in enumerate(self._separate(audio, (start, end), record)):
                heard = [_moved(c, start) for c in self._transcribe(source)]
                for spoken in corrected.settle(heard, first=start, last=end, words=words):
                    text = spoken['text'].strip()
                    found.append({**spoken, 'text': text, 'source': (number, voice)})
        except (ImportError, ModelUnavailable):
            raise  # no chunk could be separated
        except Exception as error:  # D27: any failure of a part costs one chunk
            found = []
            record.counts[f'separation_failed: {type(error).__name__}'] += 1
        if any(corrected.is_meaningful(c['text']) or not words for c in found):
            return found
        record.counts['chunks_kept_unseparated'] += 1
        return [{**chunk, 'text': chunk['text'].strip()}]

    def _transcribe(self, audio: Waveform) -> list[Segment]:
        heard = self.recognizer.transcribe(resampled(audio, self.recognizer.sample_rate))
        chunks = []
        for chunk in heard:
            times = None if chunk.timestamp is None else list(chunk.timestamp)
            speaker = {} if chunk.speaker is None else {'speaker': chunk.speaker}
            chunks.append({'text': chunk.text, 'timestamp': times, **speaker})
        return chunks

    def _separate(
        self, audio: Waveform, times: tuple[float, float], record: SpeechRecord
    ) -> list[Waveform]:
        assert self.separator is not None
        segment = _cut(audio, times)
        mixture = resampled(segment, self.separator.sample_rate)
        call = {
            'start_sec': round(times[0], 6),
            'end_sec': round(times[1], 6),
            'segment_samples': len(segment.samples),
            'resampled_samples': len(mixture.samples),
            'sample_rate': self.separator.sample_rate,
            'num_sources': 0,
        }
        record.separator_calls.append(call)
        sources = self.separator.separate(mixture)
        call['num_sources'] = len(sources)
        return sources

    def _corrected_similarity(
        self,
        audio: Waveform,
        spans: corrected.Spans,
        others: corrected.Spans,
        record: SpeechRecord,
    ) -> float:
        """Similarity; what the encoder finds too short is another voice, and counted (D9)."""
        if math.isinf(self.max_gap):
            spans, others = _whole(spans), _whole(others)
        try:
            return self._similarity(audio, spans, others, record)
        except ValueError:
            record.counts['voices_too_short_to_compare'] += 1
            return -1.0

    def _similarity(self, audio: Waveform, spans: Any, others: Any, record: SpeechRecord) -> float:
        assert self.encoder is not None
        audio = resampled(audio, self.encoder.sample_rate)
        ranges = [
            [
                official.sample_range(
                    *span, samples=len(audio.samples), sample_rate=audio.sample_rate
                )
                for span in each
            ]
            for each in (spans, others)
        ]
        a, b = ([each[0][0], each[-1][1]] for each in ranges)
        call: dict[str, Any] = {'a': a, 'b': b, 'value': None}
        record.similarity_calls.append(call)
        one, other = (self.encoder.embed(_pieces(audio, each)) for each in ranges)
        value = cosine(one, other)
        call['value'] = round(value, 6)
        return value


def _whole(spans: corrected.Spans) -> corrected.Spans:
    """From the first start to the last end, with all that lies between, as released (D16)."""
    return [(spans[0][0], max(end for _, end in spans))]


def cosine(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Of two embeddings (D,); 0 if one of them is zero."""
    norms = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one @ other) / norms if norms > 0 else 0.0


def _pieces(audio: Waveform, ranges: list[tuple[int, int]]) -> Waveform:
    samples = np.concatenate([audio.samples[first:last] for first, last in ranges])
    start = ranges[0][0] / audio.sample_rate
    return dataclasses.replace(audio, samples=samples, start=start)


def _cut(audio: Waveform, times: tuple[float, float]) -> Waveform:
    first, last = official.sample_range(
        *times, samples=len(audio.samples), sample_rate=audio.sample_rate
    )
    return dataclasses.replace(audio, samples=audio.samples[first:last], start=times[0])


def resampled(audio: Waveform, sample_rate: int) -> Waveform:
    """The same sound at another rate; ceil(S * new / old) samples."""
    if audio.sample_rate == sample_rate:
        return audio
    if not len(audio.samples):
        return dataclasses.replace(audio, sample_rate=sample_rate)
    from scipy.signal import resample_poly

    common = math.gcd(audio.sample_rate, sample_rate)
    samples = resample_poly(audio.samples, sample_rate // common, audio.sample_rate // common)
    return dataclasses.replace(audio, samples=samples.astype(np.float32), sample_rate=sample_rate)


def _moved(chunk: Segment, offset: float) -> Segment:
    if chunk['timestamp'] is None:
        return chunk
    times = [None if time is None else time + offset for time in chunk['timestamp']]
    return {**chunk, 'timestamp': times}


def _overlapped(chunk: Segment, chunks: list[Segment]) -> bool:
    """Does another chunk sound at the same time?"""
    start, end = chunk['timestamp']
    return any(
        other is not chunk and other['timestamp'][0] < end and start < other['timestamp'][1]
        for other in chunks
    )
