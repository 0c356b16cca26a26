"""Read the cues of SubRip (.srt) and WebVTT (.vtt).

WebVTT follows its specification (w3.org/TR/webvtt1): a cue ends at an empty line, and a line with
a blank is not empty; comments, styles and regions are skipped; character references are decoded.
SubRip has no specification; as in FFmpeg, a cue lasts until the times of the next one, so its text
may contain empty lines. In both, the number before the times of a cue belongs to that cue.
"""

import html
import re
from collections.abc import Iterator, Sequence

from avis.avtracker.interfaces import SpeechSegment

_Cue = tuple[float, float, list[str]]
"""Start and end in seconds, and the lines of the text."""

_TIME = r'(?:([0-9]{{1,{hours}}}):)?([0-9]{{1,2}}):([0-9]{{1,2}})[,.]([0-9]{{1,3}})'
_TIME_LINES = {
    is_vtt: re.compile(r'\s*{0}\s*-->\s*{0}(?![0-9])'.format(_TIME.format(hours=hours)))
    for is_vtt, hours in ((False, 2), (True, 4))
}
_HEADER = re.compile(r'WEBVTT(?:[ \t]|$)')
_COMMENT = re.compile(r'(?:NOTE|STYLE|REGION|WEBVTT)(?:[ \t]|$)')
# No pattern can run over the start of the next tag: their time is linear in the length of a line.
_SPEAKER_TAG = re.compile(r'<v(?:\.[^\s<>]*)?[ \t]([^<>]*)>')
_INLINE_TIME = re.compile(r'<[0-9][0-9:.]*>')
_TAG = re.compile(r'</?[a-zA-Z][^<>]*>|\{\\[^{}]*\}')


def read_subtitles(text: str, name: str = '') -> list[SpeechSegment]:
    r"""Read the cues of SubRip or WebVTT; tags are removed, ``<v NAME>`` is the speaker.

    Args:
        text: Content of the file.
        name: Name of the video, not used.

    Raises:
        ValueError: A cue has no valid times, or there is neither a cue nor the header of WebVTT.

    >>> read_subtitles('1\n00:00:01,500 --> 00:00:02,000\n<i>Hello</i>\nyou\n')
    [SpeechSegment(text='Hello you', timestamp=(1.5, 2.0), speaker=None)]
    """
    lines = text.replace('\r\n', '\n').replace('\r', '\n').split('\n')
    is_vtt = _HEADER.match(lines[0]) is not None
    segments = [_segment(cue, decode=is_vtt) for cue in _cues(lines, is_vtt)]
    if not segments and not is_vtt:
        start = next(line.strip() for line in [*lines, '?'] if line.strip())[:40]
        raise ValueError(f'expected cues of SubRip or WebVTT, got text that starts with {start!r}')
    return segments


def _segment(cue: _Cue, *, decode: bool) -> SpeechSegment:
    """A cue without tags."""
    start, end, lines = cue
    words = ' '.join(lines).replace(r'\N', ' ')
    speaker = _SPEAKER_TAG.search(words)
    texts = [_TAG.sub('', _INLINE_TIME.sub('', words)), speaker.group(1) if speaker else '']
    spoken, label = (' '.join((html.unescape(t) if decode else t).split()) for t in texts)
    return SpeechSegment(spoken, (start, end), label if speaker else None)


def _cues(lines: Sequence[str], is_vtt: bool) -> Iterator[_Cue]:
    """Group the lines by cue."""
    cue: _Cue | None = None
    block = 0  # lines since the last empty one
    is_open = is_comment = False
    for number, line in enumerate(lines, 1):
        times = None if is_comment else _TIME_LINES[is_vtt].match(line)
        block = block + 1 if line else 0
        if times:
            yield from _finished(cue, before_times=is_open or not is_vtt)
            cue, is_open = (*_seconds(times), []), True
        elif not line:
            is_open, is_comment = False, False
            if cue is not None and not is_vtt:
                cue[2].append('')
        elif not is_open and is_vtt and block == 1 and _COMMENT.match(line):
            is_comment = True
        elif '-->' in line and not is_open and not is_comment and block <= 2:
            raise ValueError(
                f'line {number}: expected times like 00:00:01,000 --> 00:00:02,000, got {line!r}'
            )
        elif cue is not None and (is_open or not is_vtt):
            cue[2].append(line)
    yield from _finished(cue, before_times=False)


def _finished(cue: _Cue | None, *, before_times: bool) -> Iterator[_Cue]:
    """A cue without the number of the next one."""
    if cue is not None:
        if before_times and cue[2] and cue[2][-1].strip().isdigit():
            cue[2].pop()
        yield cue


def _seconds(times: re.Match[str]) -> tuple[float, float]:
    """Start and end of a cue."""
    parts = times.groups('0')
    start, end = (
        int(h) * 3_600_000 + int(m) * 60_000 + int(s) * 1000 + int(fraction.ljust(3, '0'))
        for h, m, s, fraction in (parts[:4], parts[4:])
    )
    return start / 1000, end / 1000
