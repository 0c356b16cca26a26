"""Speech that somebody has transcribed or segmented already, read from a file per video."""

import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from avis.avtracker.interfaces import SpeechSegment
from avis.registry import MODELS
from avis.structures.media import Waveform

_CLOCK = r'(?:(\d+):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})'
_CUE = re.compile(rf'\s*{_CLOCK}\s*-->\s*{_CLOCK}')
_VOICE = re.compile(r'<v(?:\.[^\s>]*)?\s+([^>]*)>')
_TAG = re.compile(r'</?[a-zA-Z][^>]*>|<\d[\d:.]*>|\{\\[^}]*\}')
_SPEAKER_LINE = re.compile(r'^SPEAKER\s')


@MODELS.register_module()
class TranscriptFile:
    """Reads subtitles (.srt, .vtt), diarisations (.rttm) and transcripts (.json).

    JSON is a list of ``{"text", "start", "end"}`` or ``{"text", "timestamp": [start, end]}``, with
    an optional ``"speaker"``, alone or under ``"segments"`` or ``"chunks"``: what Whisper's tools
    write. A diarization has speakers but no words.

    Args:
        path: Path with ``{name}`` for the name of the video, such as
            ``data/transcripts/{name}.srt``.
        missing_ok: A video without a file has no speech; otherwise that is an error.
    """

    sample_rate = 16_000

    def __init__(self, *, path: str, missing_ok: bool = False) -> None:
        if Path(path).suffix not in _READERS:
            raise ValueError(f'TranscriptFile reads {", ".join(_READERS)}, got {path!r}')
        self.path, self.missing_ok = path, missing_ok
        self.has_words = Path(path).suffix != '.rttm'

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """The chunks that overlap the waveform, in its time."""
        file = self._file(waveform.name)
        if self.missing_ok and not file.exists():
            return []
        chunks = (self._shift(chunk, waveform) for chunk in self._read(file, waveform.name))
        return [chunk for chunk in chunks if chunk is not None]

    @staticmethod
    def _shift(chunk: SpeechSegment, waveform: Waveform) -> SpeechSegment | None:
        """A chunk in the time of the waveform; None outside it. Missing times stay missing."""
        start, end = chunk.timestamp or (None, None)
        start = None if start is None else start - waveform.start
        end = None if end is None else end - waveform.start
        if (start is not None and start >= waveform.seconds) or (end is not None and end <= 0):
            return None
        return replace(chunk, timestamp=(start, end))

    def content_key(self, name: str) -> str:
        """Changes with the file of the video."""
        file = self._file(name)
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ''

    def _file(self, name: str) -> Path:
        return Path(self.path.replace('{name}', name))

    def _read(self, file: Path, name: str) -> list[SpeechSegment]:
        """All chunks of a file in order of time."""
        if not file.exists():
            raise FileNotFoundError(
                f'{file} does not exist: TranscriptFile.path has {{name}} for the name of the '
                f'video. Set missing_ok=True if videos without a file have no speech.'
            )
        try:
            chunks = _READERS[file.suffix](file.read_text(encoding='utf-8-sig'), name)
        except ValueError as error:
            raise ValueError(f'{file}: {error}') from error
        return sorted(chunks, key=lambda chunk: (chunk.timestamp or (0, 0))[0] or 0)


def read_subtitles(text: str, name: str = '') -> list[SpeechSegment]:
    r"""Cues of SubRip or WebVTT; tags are dropped, the voice of a cue is its speaker.

    >>> read_subtitles('1\n00:00:01,500 --> 00:00:02,000\n<i>Hello</i>\nyou\n')
    [SpeechSegment(text='Hello you', timestamp=(1.5, 2.0), speaker=None)]
    """
    chunks = []
    for block in re.split(r'\n\s*\n', text.replace('\r\n', '\n').replace('\r', '\n')):
        lines = block.strip().split('\n')
        if lines[0].startswith(('WEBVTT', 'NOTE', 'STYLE', 'REGION')):
            continue
        cue = next((i for i, line in enumerate(lines) if '-->' in line), None)
        if cue is None:
            continue
        found = _CUE.match(lines[cue])
        if found is None:
            raise ValueError(f'no times like 00:00:01,000 --> 00:00:02,000 in {lines[cue]!r}')
        words = '\n'.join(lines[cue + 1 :])
        voice = _VOICE.search(words)
        chunks.append(
            SpeechSegment(
                ' '.join(_TAG.sub('', words).split()),
                (_seconds(found.groups()[:4]), _seconds(found.groups()[4:])),
                voice.group(1).strip() if voice else None,
            )
        )
    return chunks


def _seconds(clock: tuple[Any, ...]) -> float:
    """Seconds of hours (may be missing), minutes, seconds and a fraction."""
    hours, minutes, seconds, fraction = clock
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(f'{int(seconds)}.{fraction}')


def read_rttm(text: str, name: str = '') -> list[SpeechSegment]:
    """Turns of a diarization; of several recordings in a file, the one called ``name``.

    >>> read_rttm('SPEAKER a 1 6.5 0.5 <NA> <NA> speaker90 <NA> <NA>')
    [SpeechSegment(text='', timestamp=(6.5, 7.0), speaker='speaker90')]
    """
    rows = [line.split() for line in text.splitlines() if _SPEAKER_LINE.match(line)]
    if any(len(row) < 8 for row in rows):
        raise ValueError('a SPEAKER line of RTTM has at least 8 fields')
    recordings = {row[1] for row in rows}
    if len(recordings) > 1:
        rows = [row for row in rows if row[1] == name]
    turns = [(float(row[3]), float(row[4]), row[7]) for row in rows]
    return [SpeechSegment('', (start, start + length), who) for start, length, who in turns]


def read_json(text: str, name: str = '') -> list[SpeechSegment]:
    """Segments of Whisper's tools, or a plain list of them.

    >>> read_json('{"segments": [{"text": " Hi", "start": 0, "end": 1.5}]}')
    [SpeechSegment(text=' Hi', timestamp=(0.0, 1.5), speaker=None)]
    """
    try:
        data = json.loads(text)
    except RecursionError as error:
        raise ValueError('nested too deeply') from error
    if isinstance(data, dict):
        data = data.get('segments', data.get('chunks'))
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise ValueError('expected a list of segments, alone or under "segments" or "chunks"')
    return [_segment(item, f'segment {i}') for i, item in enumerate(data)]


def _segment(item: dict[str, Any], what: str) -> SpeechSegment:
    """One entry of a JSON transcript."""
    times = item.get('timestamp') or [item.get('start'), item.get('end')]
    if not isinstance(times, list) or len(times) != 2:
        raise ValueError(f'{what}: expected two times, got {times!r}')
    for time in times:
        number = isinstance(time, int | float) and not isinstance(time, bool)
        if time is not None and not (number and math.isfinite(time)):
            raise ValueError(f'{what}: a time is a number of seconds or null, got {time!r}')
    start, end = (None if time is None else float(time) for time in times)
    speaker = item.get('speaker')
    return SpeechSegment(
        str(item.get('text') or ''), (start, end), None if speaker is None else str(speaker)
    )


_READERS: dict[str, Callable[[str, str], list[SpeechSegment]]] = {
    '.json': read_json,
    '.srt': read_subtitles,
    '.vtt': read_subtitles,
    '.rttm': read_rttm,
}
