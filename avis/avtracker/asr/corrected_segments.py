"""Chunks of speech with the defects of the released code corrected (13 to 26 of docs/avtracker.md).

A chunk is ``{'text': str, 'timestamp': [start, end]}``, possibly with ``speaker`` (a label known
from elsewhere) and ``source`` (segment and number of the separated voice). After :func:`settle`
both times are numbers, in order, inside the sound. :func:`compress` adds ``parts`` (the chunks that
were joined) and ``new_voice`` (whether somebody else speaks in the chunk before).
"""

import itertools
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Any, TypeAlias

from avis.avtracker.official.segments import (
    INTERJECTIONS,
    LONGEST_RUN,
    SAME_OVERLAP,
    Segment,
    cut_runs,
    length,
    overlap,
    same_speech,
)

Spans: TypeAlias = list[tuple[float, float]]
Similarity: TypeAlias = Callable[[Spans, Spans], float]

SAME_TEXT = 0.8
_CJK = '\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff'
_WORD = re.compile(rf'[{_CJK}]|[^\W{_CJK}]+')


def settle(
    chunks: Sequence[Segment], *, first: float, last: float, words: bool, moments: bool = False
) -> list[Segment]:
    """Give every chunk two times between ``first`` and ``last``; drop blanks and empty ones.

    A missing start is the end of the chunk before, a missing end (or one before the start) the
    start of the next, or ``last`` for the last chunk (D13, D14, D20 to D22, D26).

    Args:
        chunks: As recognized.
        first: Where the sound, or the segment of a separated source, begins.
        last: Where it ends.
        words: Whether a chunk without text is nothing (False: the recognizer hears no words).
        moments: Keep chunks without length, and take one that ends before it starts for one: their
            words are asked about in one frame. There is nothing to separate in a moment.
    """
    given = [
        chunk
        for chunk in chunks
        if chunk['timestamp'] is not None and (chunk['text'].strip() or not words)
    ]
    settled: list[Segment] = []
    for number, chunk in enumerate(given):
        start, end = chunk['timestamp']
        if start is None:
            start = settled[-1]['timestamp'][1] if settled else first
        if end is None or (end < start and not moments):
            end = _next_time(start, given[number + 1 :], last)
        start = min(max(float(start), first), last)
        end = min(max(float(end), start), last)
        if start < end or moments:
            text = cut_runs(chunk['text'], LONGEST_RUN)
            settled.append({**chunk, 'text': text, 'timestamp': [start, end]})
    return settled


def _next_time(start: float, after: Sequence[Segment], last: float) -> float:
    """Where the next chunk starts; chunks that do not tell share the time until one does."""
    sharing, end = 1, last
    for begin, finish in (chunk['timestamp'] for chunk in after):
        if begin is not None and begin > start:
            end = begin
            break
        sharing += begin is None
        if finish is not None and finish > start:
            end = finish
            break
    return end if sharing == 1 else start + (end - start) / sharing


def is_meaningful(text: str) -> bool:
    """Does this text hold words: of any script, not only a sound or signs (D25)?"""
    kinds = [unicodedata.category(sign) for sign in text.strip()]
    letters = sum(kind[0] in 'LN' for kind in kinds)
    plain = sum(kind[0] in 'LMNPZ' for kind in kinds)
    if not letters or plain / len(kinds) < 0.3:
        return False
    found = _WORD.findall(text.lower())
    if len(found) == 1 and found[0] in INTERJECTIONS:
        return False
    # One letter is no word, but one character of a script without letters is.
    return letters >= 2 or 'Lo' in kinds


def merge_repeats(chunks: Sequence[Segment]) -> list[Segment]:
    """Unite chunks that say the same at the same time, once (D18, D19); sorted by start.

    What is no longer than the one before, in time or in text, goes as an echo of it. What two known
    speakers say in chorus stays twice.
    """
    kept: list[Segment] = []
    for chunk in sorted(chunks, key=lambda chunk: chunk['timestamp'][0]):
        place = next((n for n, old in enumerate(kept) if _same_speech(old, chunk)), None)
        if place is None:
            kept.append(chunk)
            continue
        old = kept[place]
        longer = chunk if len(chunk['text']) > len(old['text']) else old
        if longer is chunk or length(chunk) > length(old):
            kept[place] = {**longer, 'timestamp': _united(old, chunk)}
    return kept


def compress(
    chunks: Sequence[Segment],
    *,
    threshold: float,
    max_gap: float,
    max_seconds: float,
    similarity: Similarity,
) -> list[Segment]:
    """Join neighbors with the same text or of the same voice (D16, D17).

    Known speakers decide. Two separated voices of one mixture that sound at the same time for more
    than half of the shorter stay two, whatever the encoder says of the mixture.

    Args:
        chunks: Settled, in order of time.
        threshold: Least similarity of one voice.
        max_gap: Longest silence, in seconds, that is bridged. Without a bound, as released, it does
            not matter either who repeats words (D24).
        max_seconds: Longest joined chunk.
        similarity: Of the speech in two lists of spans.
    """
    joined: list[Segment] = []
    for chunk in _join_equal_texts(chunks, max_gap, max_seconds):
        near = bool(joined) and _near(joined[-1], chunk, max_gap, max_seconds)
        if near and _same_voice(joined[-1], chunk, threshold, similarity):
            before = joined[-1]
            texts = before['text'].rstrip(), chunk['text'].lstrip()
            text = ' '.join(filter(None, texts))
            joined[-1] = _joined(before, chunk, text)
        else:
            joined.append({**chunk, 'new_voice': near and max_gap < math.inf})
    return joined


def _join_equal_texts(
    chunks: Sequence[Segment], max_gap: float, max_seconds: float
) -> list[Segment]:
    """Before any voices: a text that is heard twice may belong to the voice before it."""
    joined: list[Segment] = []
    for chunk in chunks:
        before = joined[-1] if joined else chunk
        near = bool(joined) and _near(before, chunk, max_gap, max_seconds)
        same = bool(chunk['text'].strip()) and before['text'] == chunk['text']
        chunk = {**chunk, 'parts': [chunk]}
        if near and same and _one_speaker(before, chunk) is not False:
            joined[-1] = _joined(before, chunk, before['text'])
        else:
            joined.append(chunk)
    return joined


def join_contained(chunks: Sequence[Segment], *, max_gap: float) -> list[Segment]:
    """Join near neighbors of which one holds the other's words as a whole (D24).

    Somebody else may repeat them: two known speakers stay two, and so do two voices that do not
    sound at one time.
    """
    joined: list[Segment] = []
    for chunk in chunks:
        if joined and _gap(joined[-1], chunk) <= max_gap and _contained(joined[-1], chunk):
            before = joined[-1]
            longer = chunk if len(chunk['text']) > len(before['text']) else before
            joined[-1] = {**longer, 'timestamp': _united(before, chunk)}
        else:
            joined.append(chunk)
    return joined


def join_same_times(chunks: Sequence[Segment]) -> list[Segment]:
    """Join chunks with equal times, unless they come from two speakers or separated voices."""
    groups: dict[Any, Segment] = {}
    for chunk in chunks:
        key = (*chunk['timestamp'], chunk.get('speaker'), chunk.get('source'))
        if key in groups:
            texts = (groups[key]['text'].strip(), chunk['text'].strip())
            groups[key] = {**groups[key], 'text': ' '.join(filter(None, texts))}
        else:
            groups[key] = chunk
    return sorted(groups.values(), key=lambda chunk: chunk['timestamp'][0])


def _near(one: Segment, other: Segment, max_gap: float, max_seconds: float) -> bool:
    start, end = _united(one, other)
    return _gap(one, other) <= max_gap and end - start <= max_seconds


def _gap(one: Segment, other: Segment) -> float:
    gap: float = other['timestamp'][0] - one['timestamp'][1]
    return gap


def _same_voice(one: Segment, other: Segment, threshold: float, similarity: Similarity) -> bool:
    known = _one_speaker(one, other)
    if known is not None:
        return known
    pairs = itertools.product(one['parts'], other['parts'])
    if any(_two_sources(*pair) and overlap(*pair) > SAME_OVERLAP for pair in pairs):
        return False
    spans, others = ([tuple(part['timestamp']) for part in each['parts']] for each in (one, other))
    return similarity(spans, others) > threshold


def _one_speaker(one: Segment, other: Segment) -> bool | None:
    """Do the labels tell one speaker, or two? None: they are not known."""
    speakers = one.get('speaker'), other.get('speaker')
    return None if None in speakers else speakers[0] == speakers[1]


def _two_sources(one: Segment, other: Segment) -> bool:
    """Do both come from one mixture, but from two voices in it?"""
    (segment, voice), (other_segment, other_voice) = (
        chunk.get('source', (None, None)) for chunk in (one, other)
    )
    return segment is not None and segment == other_segment and voice != other_voice


def _joined(one: Segment, other: Segment, text: str) -> Segment:
    times = [one['timestamp'][0], max(one['timestamp'][1], other['timestamp'][1])]
    parts = [*one['parts'], *other['parts']]
    return {**one, 'text': text, 'timestamp': times, 'parts': parts}


def _united(one: Segment, other: Segment) -> list[float]:
    (start, end), (begin, finish) = one['timestamp'], other['timestamp']
    return [min(start, begin), max(end, finish)]


def _same_speech(one: Segment, other: Segment) -> bool:
    if _one_speaker(one, other) is False or not same_speech(one, other):
        return False
    texts = [''.join(chunk['text'].split()) for chunk in (one, other)]
    return SequenceMatcher(None, texts[0], texts[1], autojunk=False).ratio() > SAME_TEXT


def _contained(one: Segment, other: Segment) -> bool:
    """Does one hold the words of the other, as far as is known by the same speaker?"""
    answer = other.get('new_voice') and _gap(one, other) >= 0
    if answer or _one_speaker(one, other) is False:
        return False
    texts = one['text'], other['text']
    return _holds(*texts) or _holds(*reversed(texts))


def _holds(text: str, part: str) -> bool:
    """Does the text hold the other, and not in the middle of a word?"""
    if part.strip().lower() not in text.strip().lower():
        return False
    words, wanted = _WORD.findall(text.lower()), _WORD.findall(part.lower())
    starts = range(len(words) - len(wanted) + 1)
    return bool(wanted) and any(words[at : at + len(wanted)] == wanted for at in starts)
