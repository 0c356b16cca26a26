"""The speech stage exactly as the official AVTracker runs it."""

from dataclasses import replace

import numpy as np

from avis.avtracker.asr.segments import Segment
from avis.avtracker.asr.speech_stage import SpeechRecord, SpeechStage
from avis.avtracker.official.segments import (
    compress,
    is_meaningful,
    join_contained,
    join_same_times,
    merge_repeats,
    source_segments,
    usable_timestamp,
)
from avis.structures.media import Waveform


class OfficialSpeechStage(SpeechStage):
    """Separates all segments, joins over any gap and filters at the end (D16, D23, D25).

    Resamples with torchaudio, and puts no limit on the length of audio that is compared.
    """

    def run(self, audio: Waveform, record: SpeechRecord) -> SpeechRecord:
        """Fill ``record`` and return it; after an error it contains the steps before."""
        segments = self._transcribe(audio)
        if self.separator is not None:
            pooled = record.add('separated', self._separate_all(audio, segments, record))
            segments = record.add('after_merge', merge_repeats(pooled))
            segments = sorted(segments, key=lambda segment: segment['timestamp'][0])
            record.add('after_separation', segments)
        if self.encoder is not None:
            record.add('before_compression', segments)
            segments = compress(
                segments,
                seconds=audio.seconds,
                threshold=self.threshold,
                similarity=lambda one, other: self._compare(audio, [one], [other], record),
            )
            record.add('after_compression', segments)
        if self.separator is not None:
            segments = [segment for segment in segments if is_meaningful(segment['text'])]
            record.add('after_filter', segments)
            segments = record.add('after_containment', join_contained(segments))
            segments = record.add('after_same_timestamp', join_same_times(segments))
        record.add('final', segments)
        return record

    def _resample(self, audio: Waveform, sample_rate: int) -> Waveform:
        """With the filter of torchaudio; as many samples as with the other one."""
        if audio.sample_rate == sample_rate or not len(audio.samples):
            return replace(audio, sample_rate=sample_rate)
        import torch
        from torchaudio.functional import resample

        samples = torch.from_numpy(np.asarray(audio.samples))
        resampled = resample(samples, audio.sample_rate, sample_rate).numpy()
        return replace(audio, samples=resampled, sample_rate=sample_rate)

    def _separate_all(
        self, audio: Waveform, segments: list[Segment], record: SpeechRecord
    ) -> list[Segment]:
        pooled: list[Segment] = []
        for segment in segments:
            span = usable_timestamp(segment['timestamp'], audio.seconds)
            if span is not None:
                for source in self._separate_span(audio, span, record):
                    recognized = self._transcribe(source)
                    pooled += source_segments(recognized, span[0], audio.seconds)
        return pooled
