"""Speech segments from a subtitle, diarization or transcript file per video."""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from avis.avtracker.asr.subtitles import read_subtitles
from avis.avtracker.interfaces import SpeechSegment
from avis.registry import MODELS
from avis.structures.media import Waveform
from avis.utils.rttm import parse_rttm
from avis.utils.text_files import read_text_file

_MAX_SECONDS = 1e9  # thirty years; also excludes NaN and infinity


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
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ''

    def _file(self, name: str) -> Path:
        return Path(self.path.replace('{name}', name))

    def _read(self, file: Path, name: str) -> list[SpeechSegment]:
        """All segments of a file, sorted by start, without those that end before they start."""
        if not file.exists():
            raise FileNotFoundError(
                f'{file} does not exist: TranscriptFile.path has {{name}} for the name of the '
                f'video. Set missing_ok=True if videos without a file have no speech.'
            )
        text = read_text_file(file)
        try:
            segments = _READERS[file.suffix](text, name)
        except _NoSegmentsError as error:
            if self.missing_ok:
                return []
            raise ValueError(
                f'{file}: {error}. Set missing_ok=True if such a video has no speech.'
            ) from error
        except ValueError as error:
            raise ValueError(f'{file}: {error}') from error
        forward = [segment for segment in segments if not _ends_before_start(segment)]
        if len(forward) < len(segments):
            print_log(
                f'{file}: {len(segments) - len(forward)} of {len(segments)} segments end before '
                f'they start and are left out',
                logger='current',
                level=logging.WARNING,
            )
        return sorted(forward, key=lambda segment: (segment.timestamp or (0, 0))[0] or 0)


def _ends_before_start(segment: SpeechSegment) -> bool:
    start, end = segment.timestamp or (None, None)
    return start is not None and end is not None and end < start


def _shift(segment: SpeechSegment, waveform: Waveform) -> SpeechSegment | None:
    """A segment relative to the start of the waveform, None outside it; None times are kept."""
    start, end = segment.timestamp or (None, None)
    start = None if start is None else start - waveform.start
    end = None if end is None else end - waveform.start
    if (start is not None and start >= waveform.seconds) or (end is not None and end <= 0):
        return None
    return replace(segment, timestamp=(start, end))


def read_rttm(text: str, name: str = '') -> list[SpeechSegment]:
    """Read the segments of a diarization; of several recordings in a file, those of ``name``.

    Raises:
        ValueError: A line is none of the format, or no line is of the recording ``name``.

    >>> read_rttm('SPEAKER a b 1 6.5 0.5 <NA> <NA> speaker90 <NA> <NA>')
    [SpeechSegment(text='', timestamp=(6.5, 7.0), speaker='speaker90')]
    """
    turns = parse_rttm(text)
    recordings = list(dict.fromkeys(turn.recording for turn in turns))
    wanted = ' '.join(name.split())
    if not turns or (len(recordings) > 1 and wanted not in recordings):
        found = ', '.join(recordings[:5]) + (', ...' if len(recordings) > 5 else '')
        raise _NoSegmentsError(
            f'expected SPEAKER lines of the recording {name!r}, got those of {found or "none"}'
        )
    return [
        SpeechSegment('', (turn.start, turn.end), turn.speaker)
        for turn in turns
        if len(recordings) == 1 or turn.recording == wanted
    ]


class _NoSegmentsError(ValueError):
    """A diarization without the video."""


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
        if time is not None and not (number and abs(time) < _MAX_SECONDS):
            raise ValueError(f'{where}: expected a time in seconds or null, got {time!r}')
    start, end = (None if time is None else float(time) for time in times)
    words, speaker = item.get('text'), item.get('speaker')
    if not isinstance(words, str | None):
        raise ValueError(f'{where}: expected a text or null, got {words!r}')
    if not isinstance(speaker, str | int | None) or isinstance(speaker, bool):
        raise ValueError(f'{where}: expected a name, a number or null as speaker, got {speaker!r}')
    return SpeechSegment(words or '', (start, end), None if speaker is None else str(speaker))


_READERS: dict[str, Callable[[str, str], list[SpeechSegment]]] = {
    '.json': read_json,
    '.srt': read_subtitles,
    '.vtt': read_subtitles,
    '.rttm': read_rttm,
}
