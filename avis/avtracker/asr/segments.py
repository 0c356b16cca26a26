"""Segments of speech while the speech stage works on them, and what all of its steps need.

A segment is ``{'text': str, 'timestamp': [start, end] or None}`` in seconds; either time may be
None. It may have ``speaker``, a label of the recognizer.
"""

import re
from typing import Any, TypeAlias

Segment: TypeAlias = dict[str, Any]
Span: TypeAlias = tuple[float, float]
"""Start and end in seconds."""

MIN_SHARED_TIME = 0.5
MAX_REPEATED_CHARACTERS = 5
_SOUNDS = 'oh okay ok hey yeah yes no ah um uh hmm huh wow ooh aah ha ho hi hello thanks thank'
INTERJECTIONS = frozenset([*_SOUNDS.split(), 'please', 'sorry', 'bye', 'goodbye'])
_MIN_SHARED_LETTERS = 0.8


def limit_repeats(text: Any, longest: int) -> Any:
    """Shorten runs of one character; line breaks are kept, and a value that is no text as well."""
    if not isinstance(text, str):
        return text
    return re.sub(rf'(.)\1{{{longest},}}', lambda run: run[1] * longest, text)


def duration(segment: Segment) -> float:
    """Seconds from start to end."""
    start, end = segment['timestamp']
    return float(end - start)


def shared_time(one: Segment, other: Segment) -> float:
    """Common time of two segments over the duration of the shorter one."""
    (start, end), (begin, finish) = one['timestamp'], other['timestamp']
    common: float = min(end, finish) - max(start, begin)
    return common / min(end - start, finish - begin)


def have_same_letters(one: Segment, other: Segment) -> bool:
    """Do two segments overlap in time, with about the same set of letters?"""
    if shared_time(one, other) <= MIN_SHARED_TIME:
        return False
    letters, others = ({*''.join(segment['text'].split())} for segment in (one, other))
    return len(letters & others) / len(letters | others) > _MIN_SHARED_LETTERS


def sample_range(start: float, end: float, *, samples: int, sample_rate: int) -> tuple[int, int]:
    """First and last + 1 sample of a span; negative times count from the end, as in a slice."""
    first, last, _ = slice(int(start * sample_rate), int(end * sample_rate)).indices(samples)
    return first, max(first, last)
