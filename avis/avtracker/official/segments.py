"""Speech segments exactly as the official AVTracker processes them, with all its defects.

The corrected counterparts are in :mod:`avis.avtracker.asr.corrected_segments`; the form of a
segment is described in :mod:`avis.avtracker.asr.segments`.

Source: FudanCVL/AVTrack, commit 870bf2a; the numbers of defects (D13, ...) are those of
docs/avtracker_defects.md.
"""

import string
from collections.abc import Callable
from typing import Any

from avis.avtracker.asr.segments import (
    INTERJECTIONS,
    MAX_REPEATED_CHARACTERS,
    Segment,
    Span,
    duration,
    have_same_letters,
    limit_repeats,
)
from avis.avtracker.interfaces import ModelUnavailable

_MISSING_END_SECONDS = 0.1
_MIN_SECONDS = 0.01
_HARMLESS_SIGNS = frozenset('.,!?;:()[]{}"\'-_ ')


def usable_timestamp(timestamp: Any, seconds: float | None) -> Span | None:
    """Times inside the audio, at least 10 ms apart (which may reach past its end: D22).

    Args:
        timestamp: Start and end, either may be None; or None.
        seconds: Length of the audio; None if unknown.
    """
    if timestamp is None:
        return None
    start, end = timestamp
    start = 0.0 if start is None else start
    end = start + _MISSING_END_SECONDS if end is None else end
    start, end = max(0.0, float(start)), max(0.0, float(end))
    if seconds is not None:
        start, end = min(start, seconds), min(end, seconds)
    return (start, start + _MIN_SECONDS) if start >= end else (start, end)


def source_segments(segments: list[Segment], offset: float, seconds: float) -> list[Segment]:
    """Segments of one separated source, in seconds of the whole audio (D20, D21).

    Raises:
        TypeError: A segment without timestamp.
    """
    found = []
    for segment in segments:
        start, end = segment['timestamp']
        times = usable_timestamp(((start or 0.0) + offset, (end or 0.0) + offset), seconds)
        text = segment['text'].strip()
        if times is not None and text:
            found.append({'text': text, 'timestamp': list(times)})
    return found


def has_length(segment: Segment) -> bool:
    """Are both times known, the end after the start?"""
    start, end = segment.get('timestamp') or (None, None)
    return start is not None and end is not None and start < end


def merge_repeats(segments: list[Segment]) -> list[Segment]:
    """Keep one of the segments with the same words at the same time.

    A replacing segment is inserted twice (D18), and the times are not united (D19).
    """
    kept: list[Segment] = []
    for segment in sorted(filter(has_length, segments), key=_start):
        if not segment['text'].strip():
            continue
        twin = next((old for old in kept if have_same_letters(old, segment)), None)
        if twin is None:
            kept.append(segment)
        elif duration(segment) > duration(twin) or len(segment['text']) > len(twin['text']):
            kept.remove(twin)
            kept += [segment, segment]
    return [dict(segment) for segment in kept]


def compress(
    segments: list[Segment],
    *,
    seconds: float,
    threshold: float,
    similarity: Callable[[Span, Span], float],
) -> list[Segment]:
    """Join neighbors with the same text, then those of one speaker, over any gap (D16).

    Args:
        segments: In order of time.
        seconds: Length of the audio.
        threshold: Least similarity of one speaker.
        similarity: Of two spans of seconds; it may raise for spans that cannot be compared.
    """
    joined = _join_equal_texts(segments, seconds)
    joined = _join_speakers(joined, seconds, threshold, similarity)
    return _clamp(joined, seconds)


def _join_equal_texts(segments: list[Segment], seconds: float) -> list[Segment]:
    joined: list[Segment] = []
    for segment in segments:
        if joined and joined[-1]['text'] == segment['text']:
            start, end = joined[-1]['timestamp'][0], min(segment['timestamp'][1], seconds)
            joined[-1] = {**joined[-1], 'timestamp': [start, end]}
        else:
            joined.append(dict(segment))
    return joined


def _join_speakers(
    segments: list[Segment],
    seconds: float,
    threshold: float,
    similarity: Callable[[Span, Span], float],
) -> list[Segment]:
    if not segments:
        return []
    joined, current = [], segments[0]
    for segment in segments[1:]:
        if not segment['text'].strip():
            continue
        if _similarity_or_minus_one(current, segment, similarity) > threshold:
            end = min(segment['timestamp'][1], seconds)  # D17: even when that is earlier
            text = f'{current["text"].rstrip()} {segment["text"].lstrip()}'
            current = {'text': text, 'timestamp': [current['timestamp'][0], end]}
        else:
            joined.append(current)
            current = segment
    return joined + ([current] if current['text'].strip() else [])  # D15


def _similarity_or_minus_one(
    one: Segment, other: Segment, similarity: Callable[[Span, Span], float]
) -> float:
    try:
        return similarity(one['timestamp'], other['timestamp'])
    except (ImportError, ModelUnavailable):
        raise  # the official code stops when it loads its models
    except Exception:  # D9: any error silently counts as another speaker
        return -1.0


def _clamp(segments: list[Segment], seconds: float) -> list[Segment]:
    clamped: list[Segment] = []
    last_end = 0.0
    for segment in segments:
        start, end = segment['timestamp']
        start = last_end if start is None else start
        end = end or seconds  # D13, D14
        start = min(max(start, 0.0), seconds)
        last_end = max(start, min(end, seconds))
        text = limit_repeats(segment['text'], MAX_REPEATED_CHARACTERS)
        clamped.append({'text': text, 'timestamp': [start, last_end]})
    return clamped


def is_meaningful(text: str) -> bool:
    """Is a segment with this text kept (D25: English words and ASCII signs only)?"""
    words = text.strip()
    if not words or all(sign in string.punctuation for sign in words):
        return False
    plain = sum(sign.isalnum() or sign in _HARMLESS_SIGNS for sign in words)
    if plain < len(words) * 0.3:
        return False
    if len(words.split()) == 1 and words.lower().rstrip('.,!?;:') in INTERJECTIONS:
        return False
    return sum(sign.isalnum() for sign in words) >= 2


def join_contained(segments: list[Segment]) -> list[Segment]:
    """Join neighbors of which one text contains the other, letter by letter (D24)."""
    segments = [segment for segment in segments if segment['text'].strip()]
    joined, position = [], 0
    while position < len(segments):
        current, position = _absorb(segments, position)
        joined.append(current)
    return joined


def _absorb(segments: list[Segment], position: int) -> tuple[Segment, int]:
    """Join the segment at ``position`` with the next ones that fit; return it and where to go on.

    Segments without usable times are skipped. Once anything was joined they are lost.
    """
    current, joined = dict(segments[position]), False
    number = position + 1
    while number < len(segments):
        segment = segments[number]
        one, other = current['text'].strip().lower(), segment['text'].strip().lower()
        if has_length(segment):
            if one not in other and other not in one:
                break
            times = current['timestamp']
            start, end = times[0], max(times[1], segment['timestamp'][1])
            if start >= end:
                break
            text = current['text'] if other in one else segment['text'].strip()
            current, joined = {'text': text, 'timestamp': [start, end]}, True
        number += 1
    return current, number if joined else position + 1


def join_same_times(segments: list[Segment]) -> list[Segment]:
    """Join segments with exactly equal times, drop those without length, sort by start."""
    groups: dict[tuple[float, float], list[Segment]] = {}
    for segment in filter(has_length, segments):
        groups.setdefault(tuple(segment['timestamp']), []).append(segment)
    joined = []
    for times, group in groups.items():
        texts = [segment['text'].strip() for segment in group]
        text = group[0]['text'] if len(group) == 1 else ' '.join(filter(None, texts))
        if len(group) == 1 or text:
            joined.append({'text': text, 'timestamp': list(times)})
    return sorted(joined, key=_start)


def _start(segment: Segment) -> float:
    start: float = segment['timestamp'][0]
    return start
