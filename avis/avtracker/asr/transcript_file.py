"""Speech segments from a subtitle, diarization or transcript file per video."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pysubs2 import SSAFile

from avis.avtracker.interfaces import SpeechSegment
from avis.registry import MODELS
from avis.structures.media import Waveform

_TIME = r'(?:(\d{1,2}):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})'
_TIME_LINE = re.compile(rf'\s*{_TIME}\s*-->\s*{_TIME}(?!\d)')
_SPEAKER_TAG = re.compile(r'<v(?:\.[^\s>]*)?\s+([^>]*)>')
_INLINE_TIME = re.compile(r'<\d[\d:.]*>')
_TAG = re.compile(r'</?[a-zA-Z][^>]*>|\{\\[^}]*\}')
_RTTM_SPEAKER = re.compile(r'^SPEAKER\s')


@MODELS.register_module()
class TranscriptFile:
    """Reads subtitles (.srt, .vtt), diarizations (.rttm) and transcripts (.json).

    JSON is a list of ``{"text", "start", "end"}`` or ``{"text", "timestamp": [start, end]}``, with
    an optional ``"speaker"``, alone or under ``"segments"`` or ``"chunks"``: the output of
    Whisper's tools. A diarization has speakers but no words.

    Args:
        path: Path with ``{name}`` for the name of the video, such as
            ``data/transcripts/{name}.srt``.
        missing_ok: Treat a video without a file as silent; otherwise raise an error.
    """

    sample_rate = 16_000

    def __init__(self, *, path: str, missing_ok: bool = False) -> None:
        if Path(path).suffix not in _READERS:
            raise ValueError(
                f'TranscriptFile: expected a path ending in {", ".join(_READERS)}, got {path!r}'
            )
        self.path, self.missing_ok = path, missing_ok
        self.has_words = Path(path).suffix != '.rttm'

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """The segments that overlap the waveform, with times relative to its start."""
        file = self._file(waveform.name)
        if self.missing_ok and not file.exists():
            return []
        segments = (_shift(segment, waveform) for segment in self._read(file, waveform.name))
        return [segment for segment in segments if segment is not None]

    def content_key(self, name: str) -> str:
        """A hash that changes with the file of the video."""
        file = self._file(name)
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ''

    def _file(self, name: str) -> Path:
        return Path(self.path.replace('{name}', name))

    def _read(self, file: Path, name: str) -> list[SpeechSegment]:
        """All segments of a file, sorted by start."""
        if not file.exists():
            raise FileNotFoundError(
                f'{file} does not exist: TranscriptFile.path has {{name}} for the name of the '
                f'video. Set missing_ok=True if videos without a file have no speech.'
            )
        try:
            segments = _READERS[file.suffix](file.read_text(encoding='utf-8-sig'), name)
        except ValueError as error:
            raise ValueError(f'{file}: {error}') from error
        return sorted(segments, key=lambda segment: (segment.timestamp or (0, 0))[0] or 0)


def _shift(segment: SpeechSegment, waveform: Waveform) -> SpeechSegment | None:
    """A segment relative to the start of the waveform, None outside it; None times are kept."""
    start, end = segment.timestamp or (None, None)
    start = None if start is None else start - waveform.start
    end = None if end is None else end - waveform.start
    if (start is not None and start >= waveform.seconds) or (end is not None and end <= 0):
        return None
    return replace(segment, timestamp=(start, end))


def read_subtitles(text: str, name: str = '') -> list[SpeechSegment]:
    r"""Read the cues of SubRip or WebVTT; tags are removed, ``<v NAME>`` is the speaker.

    >>> read_subtitles('1\n00:00:01,500 --> 00:00:02,000\n<i>Hello</i>\nyou\n')
    [SpeechSegment(text='Hello you', timestamp=(1.5, 2.0), speaker=None)]
    """
    cues = SSAFile.from_string('\n'.join(_subrip_lines(text)), format_='srt', keep_html_tags=True)
    segments = []
    for cue in cues:
        words = cue.text.replace(r'\N', ' ')
        speaker = _SPEAKER_TAG.search(words)
        segments.append(
            SpeechSegment(
                ' '.join(_TAG.sub('', words).split()),
                (cue.start / 1000, cue.end / 1000),
                speaker.group(1).strip() if speaker else None,
            )
        )
    return segments


def _subrip_lines(text: str) -> Iterator[str]:
    """Rewrite subtitles as plain SubRip, one word per line.

    Otherwise pysubs2 skips cues with broken times, adds notes, styles and ids between two cues to
    the text of the first one, splits a cue at a line of text with two times, and removes a number
    at the end of a text unless the number of the next cue follows.

    Raises:
        ValueError: A cue has no valid times.
    """
    number = 0
    for block in re.split(r'\n\s*\n', text.replace('\r\n', '\n').replace('\r', '\n')):
        lines = block.strip().split('\n')
        first = next((i for i, line in enumerate(lines) if '-->' in line), None)
        if first is None or lines[0].startswith(('WEBVTT', 'NOTE', 'STYLE', 'REGION')):
            continue
        if not _TIME_LINE.match(lines[first]):
            raise ValueError(
                f'expected times like 00:00:01,000 --> 00:00:02,000, got {lines[first]!r}'
            )
        number += 1
        yield f'{number}'
        for line in lines[first:]:
            times = _TIME_LINE.match(line)  # also of a cue without a blank line before it
            words = [_subrip_times(times)] if times else _INLINE_TIME.sub('', line).split()
            yield from words
        yield ''
    yield f'{number + 1}'


def _subrip_times(times: re.Match[str]) -> str:
    """Start and end with hours, as ``0:00:01,000 --> 0:00:02,000``."""
    start, end = times.groups('0')[:4], times.groups('0')[4:]
    return ' --> '.join(f'{h}:{m}:{s},{fraction}' for h, m, s, fraction in (start, end))


def read_rttm(text: str, name: str = '') -> list[SpeechSegment]:
    """Read the segments of a diarization; of several recordings in a file, those of ``name``.

    >>> read_rttm('SPEAKER a 1 6.5 0.5 <NA> <NA> speaker90 <NA> <NA>')
    [SpeechSegment(text='', timestamp=(6.5, 7.0), speaker='speaker90')]
    """
    rows = [line.split() for line in text.splitlines() if _RTTM_SPEAKER.match(line)]
    short = next((row for row in rows if len(row) < 8), None)
    if short is not None:
        raise ValueError(f'expected at least 8 fields in a SPEAKER line, got {" ".join(short)!r}')
    recordings = {row[1] for row in rows}
    if len(recordings) > 1:
        rows = [row for row in rows if row[1] == name]
    segments = [(float(row[3]), float(row[4]), row[7]) for row in rows]
    return [
        SpeechSegment('', (start, start + length), speaker) for start, length, speaker in segments
    ]


def read_json(text: str, name: str = '') -> list[SpeechSegment]:
    """Read the segments of Whisper's tools, or a plain list of them.

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


def _segment(item: dict[str, Any], where: str) -> SpeechSegment:
    """One entry of a JSON transcript."""
    times = item.get('timestamp') or [item.get('start'), item.get('end')]
    if not isinstance(times, list) or len(times) != 2:
        raise ValueError(f'{where}: expected two times, got {times!r}')
    for time in times:
        number = isinstance(time, int | float) and not isinstance(time, bool)
        if time is not None and not (number and math.isfinite(time)):
            raise ValueError(f'{where}: expected a time in seconds or null, got {time!r}')
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
