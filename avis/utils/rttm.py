"""Diarization files of NIST: RTTM, who speaks when, and UEM, which parts of a recording count."""

from typing import NamedTuple

_MAX_SECONDS = 1e9  # thirty years; also excludes NaN and infinity
_TYPES = {'SPEAKER', 'SPKR-INFO', 'SEGMENT', 'NOSCORE', 'NO_RT_METADATA', 'LEXEME', 'NON-LEX'}
_TYPES |= {'NON-SPEECH', 'FILLER', 'EDIT', 'SU', 'IP', 'CB', 'A/P'}


class SpeakerTurn(NamedTuple):
    """One ``SPEAKER`` line: a speaker talks from ``start`` to ``end`` seconds of a recording."""

    recording: str
    start: float
    end: float
    speaker: str


def parse_rttm(text: str) -> list[SpeakerTurn]:
    """Read the ``SPEAKER`` lines of an RTTM file in their order.

    The fields of such a line, as NIST defines them, are recording, channel, start, duration,
    orthography, subtype, speaker, confidence and lookahead. The unused fields in the middle, or
    else the count from the right, locate the others, since names may contain blanks.

    Raises:
        ValueError: A line is none of the format; the message begins with its number.

    >>> parse_rttm('SPEAKER a b 1 6.5 0.5 <NA> <NA> speaker90 <NA> <NA>')
    [SpeakerTurn(recording='a b', start=6.5, end=7.0, speaker='speaker90')]
    """
    turns = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if fields and not fields[0].startswith(';') and fields[0] not in _TYPES:
            raise ValueError(
                f'line {number}: expected a line of RTTM such as SPEAKER, got {line.strip()[:60]!r}'
            )
        if fields and fields[0] == 'SPEAKER':
            turns.append(_turn(fields, number))
    return turns


def parse_uem(text: str) -> dict[str, list[tuple[float, float]]]:
    """Read the scored regions of each recording: lines of recording, channel, start and end.

    Raises:
        ValueError: A line is none of the format; the message begins with its number.

    >>> parse_uem('a 1 0.0 2.5')
    {'a': [(0.0, 2.5)]}
    """
    regions: dict[str, list[tuple[float, float]]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith(';'):
            continue
        start, end = (_seconds(field) for field in fields[-2:]) if len(fields) > 3 else (None, None)
        if start is None or end is None or end < start:
            raise ValueError(
                f'line {number}: expected recording, channel, start and end in seconds, got '
                f'{line.strip()[:60]!r}'
            )
        regions.setdefault(' '.join(fields[:-3]), []).append((start, end))
    return regions


def _turn(fields: list[str], number: int) -> SpeakerTurn:
    """The turn of a SPEAKER line."""
    line = ' '.join(fields)
    if len(fields) < 8:
        raise ValueError(
            f'line {number}: expected at least 8 fields in a SPEAKER line, got {line!r}'
        )
    unused = [k for k in range(3, len(fields) - 4) if fields[k + 2 : k + 4] == ['<NA>', '<NA>']]
    begin = next(
        (k for k in unused if None not in (_seconds(fields[k]), _seconds(fields[k + 1]))), None
    )
    if begin is None:
        begin = max(len(fields) - 7, 3)
    start, length = (_seconds(field) for field in fields[begin : begin + 2])
    if start is None or length is None or length < 0:
        raise ValueError(
            f'line {number}: expected start and duration in seconds, got {fields[begin]!r} and '
            f'{fields[begin + 1]!r} in {line!r}'
        )
    speaker = fields[begin + 4 :]
    for _ in range(2):  # confidence and lookahead
        if len(speaker) > 1 and (speaker[-1] == '<NA>' or _seconds(speaker[-1]) is not None):
            speaker = speaker[:-1]
    return SpeakerTurn(' '.join(fields[1 : begin - 1]), start, start + length, ' '.join(speaker))


def _seconds(text: str) -> float | None:
    """A number of seconds; None for anything else, NaN and infinity included."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < _MAX_SECONDS else None
