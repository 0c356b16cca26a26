"""SubRip (.srt) and WebVTT (.vtt) with the names of the speakers, written by pysubs2.

The cues are the utterances; without a transcript, one per sounding segment that shows the name.
pysubs2 writes SubStation markup as tags, so its characters are replaced first.
"""

import html
from pathlib import Path
from typing import NamedTuple

import pysubs2

from avis.export.names import file_name, one_line, speaker_name
from avis.export.registry import register_export
from avis.export.segments import video_segments
from avis.structures.video_result import VideoResult
from avis.utils.atomic import write_atomic

# SubRip has no escapes: look-alikes instead of the characters of tags and of "-->".
_SRT_CHARACTERS = str.maketrans({'<': '\u2039', '>': '\u203a', '{': '(', '}': ')', '\\': '/'})
_VTT_REFERENCES = str.maketrans({'{': '&#123;', '}': '&#125;', '\\': '&#92;'})


class _Cue(NamedTuple):
    """Start and end in seconds, name of the speaker, and words; None if unknown."""

    start: float
    end: float
    speaker: str | None
    words: str | None


@register_export('srt')
def write_srt(folder: Path, result: VideoResult) -> Path:
    """Write ``NAME.srt``; a cue is ``speaker: words``.

    Returns:
        Path of the file.
    """
    return _write(folder / file_name(result, '.srt'), result)


@register_export('vtt')
def write_vtt(folder: Path, result: VideoResult) -> Path:
    """Write ``NAME.vtt``; a cue is ``<v speaker>words``.

    Returns:
        Path of the file.
    """
    return _write(folder / file_name(result, '.vtt'), result)


def _write(path: Path, result: VideoResult) -> Path:
    text_of = _srt_text if path.suffix == '.srt' else _vtt_text
    file = pysubs2.SSAFile()
    for cue in _cues(result):
        start = round(1000 * max(cue.start, 0))
        end = max(round(1000 * cue.end), start + 1)
        file.append(pysubs2.SSAEvent(start=start, end=end, text=text_of(cue)))
    write_atomic(path, file.to_string(path.suffix[1:]))
    return path


def _cues(result: VideoResult) -> list[_Cue]:
    names = {track.id: speaker_name(track) for track in result.tracks}
    spoken = []
    for utterance in sorted(result.utterances, key=lambda utterance: utterance.start):
        speaker = None if utterance.track_id is None else names.get(utterance.track_id)
        words = one_line(utterance.text)
        if words:
            spoken.append(_Cue(utterance.start, utterance.end, speaker, words))
    return spoken or [
        _Cue(start, end, names[track.id], None) for track, (start, end, _) in video_segments(result)
    ]


def _srt_text(cue: _Cue) -> str:
    return ': '.join(part for part in cue[2:] if part).translate(_SRT_CHARACTERS)


def _vtt_text(cue: _Cue) -> str:
    speaker, words = (
        html.escape(part or '', quote=False).translate(_VTT_REFERENCES) for part in cue[2:]
    )
    return f'<v {speaker}>{words or speaker}' if speaker else words
