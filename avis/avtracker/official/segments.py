"""Chunks of speech exactly as the released AVTracker treats them, with all its quirks.

A chunk is ``{'text': str, 'timestamp': [start, end] or None}`` in seconds; either time may be None.
The corrected counterparts are in :mod:`avis.avtracker.asr.corrected_segments`.

Source: FudanCVL/AVTrack, commit 870bf2a; the numbers of defects are those of docs/avtracker.md.
"""

import re
import string
from collections.abc import Callable
from typing import Any, TypeAlias

from avis.avtracker.interfaces import ModelUnavailable

Segment: TypeAlias = dict[str, Any]
Similarity: TypeAlias = Callable[[tuple[float, float], tuple[float, float]], float]

MISSING_END_SECONDS = 0.1
SHORTEST_SECONDS = 0.01
SAME_OVERLAP = 0.5
SAME_LETTERS = 0.8
LONGEST_RUN = 5
_SOUNDS = 'oh okay ok hey yeah yes no ah um uh hmm huh wow ooh aah ha ho hi hello thanks thank'
INTERJECTIONS = frozenset([*_SOUNDS.split(), 'please', 'sorry', 'bye', 'goodbye'])
_HARMLESS_SIGNS = frozenset('.,!?;:()[]{}"\'-_ ')


def usable_timestamp(timestamp: Any, seconds: float | None) -> tuple[float, float] | None:
    """Times inside the sound, at least 10 ms apart (which may reach past its end: D22).

    Args:
        timestamp: Start and end, either may be None; or None.
        seconds: Length of the sound; None if unknown.
    """
    if timestamp is None:
        return None
    start, end = timestamp
    start = 0.0 if start is None else start
    end = start + MISSING_END_SECONDS if end is None else end
    start, end = max(0.0, float(start)), max(0.0, float(end))
    if seconds is not None:
        start, end = min(start, seconds), min(end, seconds)
    return (start, start + SHORTEST_SECONDS) if start >= end else (start, end)


def source_chunks(chunks: list[Segment], offset: float, seconds: float) -> list[Segment]:
    """What was heard in one separated source, in time of the whole sound (D20, D21).

    Raises:
        TypeError: A chunk without times.
    """
    found = []
    for chunk in chunks:
        start, end = chunk['timestamp']
        times = usable_timestamp(((start or 0.0) + offset, (end or 0.0) + offset), seconds)
        text = chunk['text'].strip()
        if times is not None and text:
            found.append({'text': text, 'timestamp': list(times)})
    return found


def has_length(chunk: Segment) -> bool:
    """Both times are there, in order."""
    start, end = chunk.get('timestamp') or (None, None)
    return start is not None and end is not None and start < end


def merge_repeats(chunks: list[Segment]) -> list[Segment]:
    """Keep one of the chunks that say the same at the same time.

    A replacing chunk is put there twice (D18), and the times are not united (D19).
    """
    kept: list[Segment] = []
    for chunk in sorted(filter(has_length, chunks), key=_start):
        if not chunk['text'].strip():
            continue
        twin = next((old for old in kept if same_speech(old, chunk)), None)
        if twin is None:
            kept.append(chunk)
        elif length(chunk) > length(twin) or len(chunk['text']) > len(twin['text']):
            kept.remove(twin)
            kept += [chunk, chunk]
    return [dict(chunk) for chunk in kept]


def compress(
    chunks: list[Segment], *, seconds: float, threshold: float, similarity: Similarity
) -> list[Segment]:
    """Join neighbors with the same text, then those of one voice, over any gap (D16).

    Args:
        chunks: In order of time.
        seconds: Length of the sound.
        threshold: Least similarity of one voice.
        similarity: Of two spans of seconds; it may raise for spans that cannot be compared.
    """
    joined = _join_equal_texts(chunks, seconds)
    joined = _join_voices(joined, seconds, threshold, similarity)
    return _clamp(joined, seconds)


def _join_equal_texts(chunks: list[Segment], seconds: float) -> list[Segment]:
    joined: list[Segment] = []
    for chunk in chunks:
        if joined and joined[-1]['text'] == chunk['text']:
            start, end = joined[-1]['timestamp'][0], min(chunk['timestamp'][1], seconds)
            joined[-1] = {**joined[-1], 'timestamp': [start, end]}
        else:
            joined.append(dict(chunk))
    return joined


def _join_voices(
    chunks: list[Segment], seconds: float, threshold: float, similarity: Similarity
) -> list[Segment]:
    if not chunks:
        return []
    joined, current = [], chunks[0]
    for chunk in chunks[1:]:
        if not chunk['text'].strip():
            continue
        if _alike(current, chunk, similarity) > threshold:
            end = min(chunk['timestamp'][1], seconds)  # D17: even when that is earlier
            text = f'{current["text"].rstrip()} {chunk["text"].lstrip()}'
            current = {'text': text, 'timestamp': [current['timestamp'][0], end]}
        else:
            joined.append(current)
            current = chunk
    return joined + ([current] if current['text'].strip() else [])  # D15


def _alike(one: Segment, other: Segment, similarity: Similarity) -> float:
    try:
        return similarity(one['timestamp'], other['timestamp'])
    except (ImportError, ModelUnavailable):
        raise  # the released code stops when it loads its models
    except Exception:  # D9: any error counts as another voice, without a word
        return -1.0


def _clamp(chunks: list[Segment], seconds: float) -> list[Segment]:
    clamped: list[Segment] = []
    last_end = 0.0
    for chunk in chunks:
        start, end = chunk['timestamp']
        start = last_end if start is None else start
        end = end or seconds  # D13, D14
        start = min(max(start, 0.0), seconds)
        last_end = max(start, min(end, seconds))
        text = cut_runs(chunk['text'], LONGEST_RUN)
        clamped.append({'text': text, 'timestamp': [start, last_end]})
    return clamped


def cut_runs(text: Any, longest: int) -> Any:
    """Cut runs of one character; line breaks are left, and what is no text passes."""
    if not isinstance(text, str):
        return text
    return re.sub(rf'(.)\1{{{longest},}}', lambda run: run[1] * longest, text)


def is_meaningful(text: str) -> bool:
    """Does a chunk with this text stay (D25: English words and ASCII signs only)?"""
    words = text.strip()
    if not words or all(sign in string.punctuation for sign in words):
        return False
    plain = sum(sign.isalnum() or sign in _HARMLESS_SIGNS for sign in words)
    if plain < len(words) * 0.3:
        return False
    if len(words.split()) == 1 and words.lower().rstrip('.,!?;:') in INTERJECTIONS:
        return False
    return sum(sign.isalnum() for sign in words) >= 2


def join_contained(chunks: list[Segment]) -> list[Segment]:
    """Join neighbors of which one text lies in the other, letter by letter (D24)."""
    chunks = [chunk for chunk in chunks if chunk['text'].strip()]
    joined, position = [], 0
    while position < len(chunks):
        current, position = _absorb(chunks, position)
        joined.append(current)
    return joined


def _absorb(chunks: list[Segment], position: int) -> tuple[Segment, int]:
    """The chunk at ``position`` with all that follow and fit; and the next position.

    Chunks without usable times are passed over. Once anything was joined they are lost.
    """
    current, joined = dict(chunks[position]), False
    number = position + 1
    while number < len(chunks):
        chunk = chunks[number]
        one, other = current['text'].strip().lower(), chunk['text'].strip().lower()
        if has_length(chunk):
            if one not in other and other not in one:
                break
            times = current['timestamp']
            start, end = times[0], max(times[1], chunk['timestamp'][1])
            if start >= end:
                break
            text = current['text'] if other in one else chunk['text'].strip()
            current, joined = {'text': text, 'timestamp': [start, end]}, True
        number += 1
    return current, number if joined else position + 1


def join_same_times(chunks: list[Segment]) -> list[Segment]:
    """Join chunks with exactly equal times, drop those without length, sort by start."""
    groups: dict[tuple[float, float], list[Segment]] = {}
    for chunk in filter(has_length, chunks):
        groups.setdefault(tuple(chunk['timestamp']), []).append(chunk)
    joined = []
    for times, group in groups.items():
        texts = [chunk['text'].strip() for chunk in group]
        text = group[0]['text'] if len(group) == 1 else ' '.join(filter(None, texts))
        if len(group) == 1 or text:
            joined.append({'text': text, 'timestamp': list(times)})
    return sorted(joined, key=_start)


def sample_range(start: float, end: float, *, samples: int, sample_rate: int) -> tuple[int, int]:
    """First and last + 1 sample of a span; negative times count from the end, as in a slice."""
    first, last, _ = slice(int(start * sample_rate), int(end * sample_rate)).indices(samples)
    return first, max(first, last)


def _start(chunk: Segment) -> float:
    start: float = chunk['timestamp'][0]
    return start


def length(chunk: Segment) -> float:
    """Seconds from start to end."""
    start, end = chunk['timestamp']
    return float(end - start)


def overlap(one: Segment, other: Segment) -> float:
    """Common time over the shorter length."""
    (start, end), (begin, finish) = one['timestamp'], other['timestamp']
    common: float = min(end, finish) - max(start, begin)
    return common / min(end - start, finish - begin)


def same_speech(one: Segment, other: Segment) -> bool:
    """Do two chunks sound at one time, with about the same letters in any order (D19)?"""
    if overlap(one, other) <= SAME_OVERLAP:
        return False
    letters, others = ({*''.join(chunk['text'].split())} for chunk in (one, other))
    return len(letters & others) / len(letters | others) > SAME_LETTERS
