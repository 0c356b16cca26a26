"""Turns of the sources: (start, end) in seconds, one list per source."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from avis.structures.intervals import true_intervals

Turns: TypeAlias = list[tuple[float, float]]

# A source counts as sounding in an annotated second if it sounds at least this long in it.
MIN_SOUNDING = 0.25


def plan_full_seconds(
    sources: int, seconds: int, rng: np.random.Generator, stay: float = 0.55
) -> list[Turns]:
    """Turns for short clips of few sources: the sounding set changes at full seconds only.

    A source therefore sounds throughout an annotated second or not at all. One second in sixteen is
    silent; otherwise some sources sound, never all of three.

    Args:
        sources: Number of sources in the image.
        seconds: Length of the clip.
        rng: Random generator.
        stay: Probability that a second has the same set as the previous one.
    """
    sets: list[frozenset[int]] = []
    for _ in range(seconds):
        if sets and rng.random() < stay:
            sets.append(sets[-1])
            continue
        draw = rng.random()
        count = 0 if draw < 0.06 else 1 if draw < 0.72 or sources < 3 else 2
        if sources == 2 and draw > 0.85:
            count = 2
        sets.append(frozenset(rng.permutation(sources)[:count].tolist()))
    if not any(sets):
        sets[int(rng.integers(seconds))] = frozenset({int(rng.integers(sources))})
    return [_runs([source in sounding for sounding in sets]) for source in range(sources)]


def plan_dialogue(
    speakers: int,
    seconds: float,
    rng: np.random.Generator,
    turn_length: float = 4.0,
    overlap: float = 0.15,
) -> list[Turns]:
    """Turns of a conversation: one speaker after the other, with pauses and occasional overlaps.

    Args:
        speakers: Number of speakers; each gets at least one turn if there is time.
        seconds: Length of the conversation.
        rng: Random generator.
        turn_length: Mean length of a turn.
        overlap: Probability that a turn starts before the last one ends.
    """
    turns: list[Turns] = [[] for _ in range(speakers)]
    time = float(rng.uniform(0.0, 0.8))
    queue = rng.permutation(speakers).tolist()
    while time < seconds - 0.4:
        if not queue:
            queue = rng.permutation(speakers).tolist()
        speaker = queue.pop()
        length = turn_length * float(rng.uniform(0.55, 1.45))
        if turns[speaker]:  # turns of one speaker do not overlap
            time = max(time, turns[speaker][-1][1] + 0.2)
        end = min(seconds, time + max(0.5, length))
        if end - time >= 0.4:
            turns[speaker].append((time, end))
        if rng.random() < overlap:
            time = end - min(1.2, 0.4 * (end - time))
        else:
            time = end + float(rng.uniform(0.15, 1.1))
    return turns


def plan_one_after_another(sources: int, seconds: float, rng: np.random.Generator) -> list[Turns]:
    """One turn per source, in random order, of different lengths, with pauses between them.

    Args:
        sources: Number of sources.
        seconds: Length of the clip.
        rng: Random generator.
    """
    turns: list[Turns] = [[] for _ in range(sources)]
    shares = rng.uniform(1.0, 3.0, sources)
    pause = 0.08 * seconds
    lengths = shares / shares.sum() * (seconds - pause * (sources + 1))
    time = pause
    for source, length in zip(rng.permutation(sources).tolist(), lengths.tolist(), strict=True):
        turns[source].append((time, time + length))
        time += length + pause
    return turns


def choose_audible(
    turns: Sequence[Turns], rng: np.random.Generator, share: float = 0.7, overlap: float = 0.15
) -> list[Turns]:
    """Choose turns at random, mostly such that one speaker is audible at a time.

    Args:
        turns: Turns of each speaker, which may overlap those of others.
        rng: Random generator.
        share: Probability that a turn is chosen that overlaps no chosen turn of another speaker.
        overlap: The same for one that does.

    Returns:
        The chosen turns of each speaker; at least one if there are any.
    """
    order = [(speaker, turn) for speaker, own in enumerate(turns) for turn in own]
    order = [order[i] for i in rng.permutation(len(order))]
    chosen: list[Turns] = [[] for _ in turns]
    for speaker, turn in order:
        others = [other for k, own in enumerate(chosen) if k != speaker for other in own]
        probability = overlap if sounding_time(others, *turn) else share
        last = (speaker, turn) == order[-1] and not any(chosen)
        if rng.random() < probability or last:
            chosen[speaker].append(turn)
    return [sorted(own) for own in chosen]


def split_turns(turns: Turns, pause: float, length: float) -> Turns:
    """Split turns into pieces of about ``length`` with a ``pause`` (seconds) between them."""
    pieces = []
    for start, end in turns:
        count = max(1, round((end - start + pause) / (length + pause)))
        step = (end - start + pause) / count
        pieces += [(start + k * step, start + (k + 1) * step - pause) for k in range(count)]
    return pieces


def complement(turns: Turns, seconds: float, rest: float = 0.0) -> Turns:
    """The times outside the turns, each shortened by ``rest`` at both ends."""
    edges = [0.0, *(edge for turn in sorted(turns) for edge in turn), seconds]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [(a + rest, b - rest) for a, b in gaps if b - a > 2 * rest + 0.3]


def sounding_time(turns: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """Seconds of the turns that lie between start and end."""
    return sum(max(0.0, min(end, b) - max(start, a)) for a, b in turns)


def is_sounding(turns: Sequence[tuple[float, float]], second: int) -> bool:
    """Whether a source counts as sounding in the annotated second [second, second + 1)."""
    return sounding_time(turns, second, second + 1) >= MIN_SOUNDING


def _runs(flags: list[bool]) -> Turns:
    """Turns from one flag per second."""
    return [(float(start), float(stop)) for start, stop in true_intervals(flags)]
