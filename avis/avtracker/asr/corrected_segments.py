"""Steps of the speech stage: settle times, merge duplicates, join segments of one speaker.

A segment has the form described in :mod:`avis.avtracker.asr.segments`. It may have ``source``
(index of the separated segment, and of the source in it). After :func:`settle_times` both times are
numbers, in order, inside the audio. :func:`join_speakers` adds ``parts`` (the segments that were
joined) and ``new_speaker`` (whether another speaker speaks in the segment before).
"""

import itertools
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Any, TypeAlias

from avis.avtracker.asr.segments import (
    INTERJECTIONS,
    MAX_REPEATED_CHARACTERS,
    MIN_SHARED_TIME,
    Segment,
    Span,
    duration,
    have_same_letters,
    limit_repeats,
    shared_time,
)

Spans: TypeAlias = list[Span]

_MIN_TEXT_SIMILARITY = 0.8
_CJK = '\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff'
_WORD = re.compile(rf'[{_CJK}]|[^\W{_CJK}]+')


def settle_times(
    segments: Sequence[Segment], *, first: float, last: float, words: bool, moments: bool = False
) -> list[Segment]:
    """Set both times of every segment between ``first`` and ``last``; drop blank and empty ones.

    A missing start is the end of the segment before, a missing end (or one before the start) the
    start of the next, or ``last`` for the last segment.

    Args:
        segments: As recognized.
        first: Where the audio, or the separated segment, starts.
        last: Where it ends.
        words: Drop segments without text (False: the recognizer returns no words).
        moments: Keep segments without duration, also those that end before they start: the
            query of their words has one frame. They contain nothing to separate.
    """
    given = [
        segment
        for segment in segments
        if segment['timestamp'] is not None and (segment['text'].strip() or not words)
    ]
    settled: list[Segment] = []
    for number, segment in enumerate(given):
        start, end = segment['timestamp']
        if start is None:
            start = settled[-1]['timestamp'][1] if settled else first
        if end is None or (end < start and not moments):
            end = _next_time(start, given[number + 1 :], last)
        start = min(max(float(start), first), last)
        end = min(max(float(end), start), last)
        if start < end or moments:
            text = limit_repeats(segment['text'], MAX_REPEATED_CHARACTERS)
            settled.append({**segment, 'text': text, 'timestamp': [start, end]})
    return settled


def _next_time(start: float, after: Sequence[Segment], last: float) -> float:
    """Start of the next segment; segments without times share the time until the next known one."""
    sharing, end = 1, last
    for begin, finish in (segment['timestamp'] for segment in after):
        if begin is not None and begin > start:
            end = begin
            break
        sharing += begin is None
        if finish is not None and finish > start:
            end = finish
            break
    return end if sharing == 1 else start + (end - start) / sharing


def contains_words(text: str) -> bool:
    """Does this text contain words of any script, not only an interjection or punctuation?"""
    kinds = [unicodedata.category(sign) for sign in text.strip()]
    letters = sum(kind[0] in 'LN' for kind in kinds)
    plain = sum(kind[0] in 'LMNPZ' for kind in kinds)
    if not letters or plain / len(kinds) < 0.3:
        return False
    found = _WORD.findall(text.lower())
    if len(found) == 1 and found[0] in INTERJECTIONS:
        return False
    # One letter is not a word, but one character of a script without letters is.
    return letters >= 2 or 'Lo' in kinds


def merge_duplicates(segments: Sequence[Segment]) -> list[Segment]:
    """Merge segments with the same words at the same time; sorted by start.

    A segment that is not longer than the one before, in time or in text, is dropped as its echo.
    The same words of two known speakers stay twice.
    """
    kept: list[Segment] = []
    for segment in sorted(segments, key=lambda segment: segment['timestamp'][0]):
        index = next((n for n, old in enumerate(kept) if _is_duplicate(old, segment)), None)
        if index is None:
            kept.append(segment)
            continue
        old = kept[index]
        longer = segment if len(segment['text']) > len(old['text']) else old
        if longer is segment or duration(segment) > duration(old):
            kept[index] = {**longer, 'timestamp': _united(old, segment)}
    return kept


def join_speakers(
    segments: Sequence[Segment],
    *,
    threshold: float,
    max_gap: float,
    max_seconds: float,
    similarity: Callable[[Spans, Spans], float],
) -> list[Segment]:
    """Join neighbors with the same text or of the same speaker.

    Speaker labels decide where they are known. Two separated sources of one mixture that overlap by
    more than half of the shorter one stay two, whatever the encoder says of the mixture.

    Args:
        segments: Settled, in order of time.
        threshold: Least similarity of one speaker.
        max_gap: Longest silence, in seconds, that is bridged. Without a bound (inf) it does not
            matter either who repeats words.
        max_seconds: Longest joined segment, in seconds.
        similarity: Similarity of the speech in two lists of spans.
    """
    joined: list[Segment] = []
    for segment in _join_equal_texts(segments, max_gap, max_seconds):
        near = bool(joined) and _near(joined[-1], segment, max_gap, max_seconds)
        if near and _is_same_speaker(joined[-1], segment, threshold, similarity):
            before = joined[-1]
            texts = before['text'].rstrip(), segment['text'].lstrip()
            text = ' '.join(filter(None, texts))
            joined[-1] = _joined(before, segment, text)
        else:
            joined.append({**segment, 'new_speaker': near and max_gap < math.inf})
    return joined


def _join_equal_texts(
    segments: Sequence[Segment], max_gap: float, max_seconds: float
) -> list[Segment]:
    """Before speakers are compared: a text recognized twice may belong to the speaker before it."""
    joined: list[Segment] = []
    for segment in segments:
        before = joined[-1] if joined else segment
        near = bool(joined) and _near(before, segment, max_gap, max_seconds)
        same = bool(segment['text'].strip()) and before['text'] == segment['text']
        segment = {**segment, 'parts': [segment]}
        if near and same and _known_same_speaker(before, segment) is not False:
            joined[-1] = _joined(before, segment, before['text'])
        else:
            joined.append(segment)
    return joined


def join_repetitions(segments: Sequence[Segment], *, max_gap: float) -> list[Segment]:
    """Join near neighbors of which one contains all words of the other.

    Another speaker may repeat them: two known speakers stay two, and so do two different speakers
    whose segments do not overlap.
    """
    joined: list[Segment] = []
    for segment in segments:
        if joined and _gap(joined[-1], segment) <= max_gap and _repeats(joined[-1], segment):
            before = joined[-1]
            longer = segment if len(segment['text']) > len(before['text']) else before
            joined[-1] = {**longer, 'timestamp': _united(before, segment)}
        else:
            joined.append(segment)
    return joined


def join_simultaneous(segments: Sequence[Segment]) -> list[Segment]:
    """Join segments with equal times, unless they come from two speakers or separated sources."""
    groups: dict[Any, Segment] = {}
    for segment in segments:
        key = (*segment['timestamp'], segment.get('speaker'), segment.get('source'))
        if key in groups:
            texts = (groups[key]['text'].strip(), segment['text'].strip())
            groups[key] = {**groups[key], 'text': ' '.join(filter(None, texts))}
        else:
            groups[key] = segment
    return sorted(groups.values(), key=lambda segment: segment['timestamp'][0])


def _near(one: Segment, other: Segment, max_gap: float, max_seconds: float) -> bool:
    start, end = _united(one, other)
    return _gap(one, other) <= max_gap and end - start <= max_seconds


def _gap(one: Segment, other: Segment) -> float:
    gap: float = other['timestamp'][0] - one['timestamp'][1]
    return gap


def _is_same_speaker(
    one: Segment, other: Segment, threshold: float, similarity: Callable[[Spans, Spans], float]
) -> bool:
    known = _known_same_speaker(one, other)
    if known is not None:
        return known
    pairs = itertools.product(one['parts'], other['parts'])
    if any(_from_two_sources(*pair) and shared_time(*pair) > MIN_SHARED_TIME for pair in pairs):
        return False
    spans, others = ([tuple(part['timestamp']) for part in each['parts']] for each in (one, other))
    return similarity(spans, others) > threshold


def _known_same_speaker(one: Segment, other: Segment) -> bool | None:
    """Are the speaker labels equal? None if one is unknown."""
    speakers = one.get('speaker'), other.get('speaker')
    return None if None in speakers else speakers[0] == speakers[1]


def _from_two_sources(one: Segment, other: Segment) -> bool:
    """Do both come from one mixture, but from two sources of it?"""
    (mixture, source), (other_mixture, other_source) = (
        segment.get('source', (None, None)) for segment in (one, other)
    )
    return mixture is not None and mixture == other_mixture and source != other_source


def _joined(one: Segment, other: Segment, text: str) -> Segment:
    times = [one['timestamp'][0], max(one['timestamp'][1], other['timestamp'][1])]
    parts = [*one['parts'], *other['parts']]
    return {**one, 'text': text, 'timestamp': times, 'parts': parts}


def _united(one: Segment, other: Segment) -> list[float]:
    (start, end), (begin, finish) = one['timestamp'], other['timestamp']
    return [min(start, begin), max(end, finish)]


def _is_duplicate(one: Segment, other: Segment) -> bool:
    if _known_same_speaker(one, other) is False or not have_same_letters(one, other):
        return False
    texts = [''.join(segment['text'].split()) for segment in (one, other)]
    return SequenceMatcher(None, texts[0], texts[1], autojunk=False).ratio() > _MIN_TEXT_SIMILARITY


def _repeats(one: Segment, other: Segment) -> bool:
    """Does one contain the words of the other, of the same speaker as far as is known?"""
    answer = other.get('new_speaker') and _gap(one, other) >= 0
    if answer or _known_same_speaker(one, other) is False:
        return False
    texts = one['text'], other['text']
    return _contains_text(*texts) or _contains_text(*reversed(texts))


def _contains_text(text: str, part: str) -> bool:
    """Does the text contain the other as whole words?"""
    if part.strip().lower() not in text.strip().lower():
        return False
    words, wanted = _WORD.findall(text.lower()), _WORD.findall(part.lower())
    starts = range(len(words) - len(wanted) + 1)
    return bool(wanted) and any(words[at : at + len(wanted)] == wanted for at in starts)
