r"""Diarization error rate (DER) and Jaccard error rate (JER): who speaks when, without masks.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_diarization`.

The scored time is divided wherever a speaker starts or ends. In a part with n reference and m
predicted speakers, max(0, n - m) are missed, max(0, m - n) are false alarms, and of the others
those are confused whose predicted speaker is not mapped to a reference speaker of the part:

.. math:: DER = \frac{missed + false\ alarm + confusion}{reference\ speech}

The map is one to one and has the largest common time. JER is the mean over the reference speakers
of one minus the common time with the mapped speaker, divided by the time of either of them.

Sources: NIST, *The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan*, and its
``md-eval.pl`` 22; Ryant et al., *The Second DIHARD Diarization Challenge* (Interspeech 2019,
arXiv:1906.07839), and its scorer ``dscore``; Bredin, *pyannote.metrics* (Interspeech 2017).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from avis.evaluation.functional.array_types import BoolArray, FloatArray

Turn: TypeAlias = tuple[float, float, str]
"""Start and end in seconds, and the speaker."""
Region: TypeAlias = Sequence[tuple[float, float]]
"""Starts and ends of the scored parts of a recording, in seconds."""
DiarizationScorer: TypeAlias = Literal['corrected', 'dscore', 'md_eval', 'pyannote']

_DIGITS = 6  # of times: microseconds, below which turns touch
_FRAME = 0.01  # seconds of a frame of dscore's JER


@dataclass(frozen=True)
class _Rules:
    """Where the scorers differ.

    Attributes:
        join: Which turns of one speaker are joined first: those that overlap, those that touch too,
            or none.
        cut: Cut turns at the borders of the region first, which makes new turn ends.
        sets: A speaker counts once where two of their own turns overlap.
        map_early: Seek the map before the collar and overlapping speech are left out.
        frames: JER counts frames of 10 ms, and its map has the smallest JER.
        skip_silent: A recording without reference speech counts only in its own score.
    """

    join: Literal['none', 'overlapping', 'touching']
    cut: bool
    sets: bool
    map_early: bool
    frames: bool
    skip_silent: bool


_RULES: dict[DiarizationScorer, _Rules] = {
    'corrected': _Rules(
        join='touching', cut=False, sets=True, map_early=False, frames=False, skip_silent=False
    ),
    'dscore': _Rules(
        join='overlapping', cut=True, sets=True, map_early=True, frames=True, skip_silent=True
    ),
    'md_eval': _Rules(
        join='none', cut=False, sets=True, map_early=True, frames=False, skip_silent=True
    ),
    'pyannote': _Rules(
        join='none', cut=False, sets=False, map_early=False, frames=False, skip_silent=False
    ),
}


@dataclass(frozen=True)
class DiarizationCounts:
    """What the scores of one recording are computed from, times in seconds.

    Attributes:
        total: Reference speech; where n speakers talk, it counts n times.
        missed: Reference speech that is not predicted.
        false_alarm: Predicted speech that is not in the reference.
        confusion: Speech whose predicted speaker is not the mapped one.
        jaccard_error: Sum of the Jaccard errors of the reference speakers.
        speakers: Number of reference speakers.
        predicted: Whether any speech was predicted in the region.
        ignored: Whether the recording does not count in the scores of several.
    """

    total: float
    missed: float
    false_alarm: float
    confusion: float
    jaccard_error: float
    speakers: int
    predicted: bool
    ignored: bool = False

    @property
    def correct(self) -> float:
        """Reference speech whose speaker was found."""
        return self.total - self.missed - self.confusion


def count_diarization(
    ref: Sequence[Turn],
    pred: Sequence[Turn],
    *,
    scorer: DiarizationScorer = 'corrected',
    region: Region | None = None,
    collar: float = 0.0,
    skip_overlap: bool = False,
) -> DiarizationCounts:
    """Compare the turns of one recording.

    Args:
        ref: Reference turns.
        pred: Predicted turns.
        scorer: ``'corrected'`` joins the turns of each speaker, then counts like pyannote.metrics.
            The others reproduce a published scorer: ``'dscore'`` of DIHARD and AVA-AVD;
            ``'md_eval'``, which it calls, on unchanged turns; ``'pyannote'``, in which a speaker
            counts twice where two of their own turns overlap.
        region: Scored parts; by default from the first to the last time of any turn, so that a
            late false alarm extends it.
        collar: Seconds left out on each side of a start or end of a reference turn. Twice this
            value is the collar of pyannote.metrics.
        skip_overlap: Leave out times in which several reference speakers talk.

    Raises:
        ValueError: Unknown scorer, negative collar, or a turn that ends before it starts.

    >>> ref, pred = [(0, 4, 'a'), (4, 6, 'b')], [(0, 5, 'x')]
    >>> count_diarization(ref, pred).total, count_diarization(ref, pred).confusion
    (6.0, 1.0)
    """
    if scorer not in get_args(DiarizationScorer):
        raise ValueError(f'scorer must be one of {get_args(DiarizationScorer)}, got {scorer!r}')
    if collar < 0:
        raise ValueError(f'collar must not be negative, got {collar}')
    rules = _RULES[scorer]
    exact = [_checked(turns) for turns in (ref, pred)]
    region = _region(region, [*exact[0], *exact[1]])
    ref, pred = (_prepare(turns, region, rules) for turns in exact)
    borders = [time for start, end, _ in ref for time in (start, end)]
    collars = [(time - collar, time + collar) for time in borders]
    parts = _Parts(ref, pred, [*region, *collars], several=not rules.sets)
    inside = parts.inside(region)
    scored = inside & ~parts.inside(collars) if collar else inside
    if skip_overlap:
        scored = scored & (parts.turns <= 1)
    common = parts.common(inside if rules.map_early else scored)
    missed, false_alarm, confusion = parts.errors(scored, common)
    jaccard = _frame_errors(exact[0], exact[1], region) if rules.frames else parts.jaccard(inside)
    speakers = int(parts.ref[:, inside].any(axis=1).sum())
    return DiarizationCounts(
        total=float(parts.seconds[scored] @ parts.ref[:, scored].sum(axis=0)),
        missed=missed,
        false_alarm=false_alarm,
        confusion=confusion,
        jaccard_error=jaccard,
        speakers=speakers,
        predicted=bool(parts.pred[:, inside].any()),
        ignored=rules.skip_silent and not speakers,
    )


def score_diarization(recordings: Sequence[DiarizationCounts]) -> dict[str, float]:
    """DER, its parts and JER over several recordings, in percent.

    Times are summed over the recordings, and JER is the mean over all reference speakers.
    Recordings that a scorer ignores count only if there is no other. Without reference speech, DER
    and JER are 100 if any speech was predicted, else 0.

    Returns:
        ``DER`` = ``missed`` + ``false_alarm`` + ``confusion``, and ``JER``.

    Raises:
        ValueError: There is no recording.

    >>> counts = count_diarization([(0, 4, 'a'), (4, 8, 'b')], [(0, 5, 'x')])
    >>> {key: round(value, 1) for key, value in score_diarization([counts]).items()}
    {'DER': 50.0, 'missed': 37.5, 'false_alarm': 0.0, 'confusion': 12.5, 'JER': 60.0}
    """
    if not recordings:
        raise ValueError('expected at least one recording, got none')
    counted = [recording for recording in recordings if not recording.ignored] or recordings
    total = sum(recording.total for recording in counted)
    scores = {}
    for name in ('missed', 'false_alarm', 'confusion'):
        seconds = sum(getattr(recording, name) for recording in counted)
        scores[name] = 100 * seconds / total if total else 100.0 * (seconds > 0)
    if not total and counted[0].ignored:
        scores = dict.fromkeys(scores, max(scores.values()))  # as AVA-AVD's copy of dscore
    speakers = sum(recording.speakers for recording in counted)
    errors = sum(recording.jaccard_error for recording in counted)
    predicted = any(recording.predicted for recording in counted)
    jer = 100 * errors / speakers if speakers else 100.0 * predicted
    der = sum(scores.values()) if total else max(scores.values())
    return {'DER': der, **scores, 'JER': jer}


class _Parts:
    """The time between any two borders, N parts, in which the same speakers talk.

    Args:
        ref: Reference turns.
        pred: Predicted turns.
        more: Further intervals whose borders divide the time.
        several: Count a speaker as often as they have turns at a time, instead of once.

    Attributes:
        seconds: Length of each part, (N,).
        ref: How often each reference speaker counts in each part, int (R, N).
        pred: The same of the predicted speakers, (P, N).
        turns: Number of reference turns in each part, (N,).
    """

    def __init__(
        self, ref: Sequence[Turn], pred: Sequence[Turn], more: Region, *, several: bool
    ) -> None:
        intervals = [*((start, end) for start, end, _ in [*ref, *pred]), *more]
        borders = [time for interval in intervals for time in interval]
        edges = np.unique(np.round(np.asarray(borders, np.float64), _DIGITS))
        self.seconds = np.diff(edges)
        self.middles = (edges[1:] + edges[:-1]) / 2
        self.ref, self.pred = self._active(ref), self._active(pred)
        self.turns = self.ref.sum(axis=0)
        if not several:
            self.ref, self.pred = np.minimum(self.ref, 1), np.minimum(self.pred, 1)

    def _active(self, turns: Sequence[Turn]) -> NDArray[np.int64]:
        names = sorted({speaker for _, _, speaker in turns})
        active = np.zeros((len(names), len(self.middles)), np.int64)
        for start, end, speaker in turns:
            first, last = np.searchsorted(self.middles, (start, end))
            active[names.index(speaker), first:last] += 1
        return active

    def inside(self, intervals: Region) -> BoolArray:
        """Which parts are in one of the intervals, bool (N,)."""
        found = np.zeros(len(self.middles), bool)
        for start, end in intervals:
            first, last = np.searchsorted(self.middles, (start, end))
            found[first:last] = True
        return found

    def common(self, chosen: BoolArray) -> FloatArray:
        """Seconds in which each pair of speakers talks in the chosen parts, (R, P)."""
        weighted = self.ref[:, chosen] * self.seconds[chosen]
        return np.asarray(weighted @ self.pred[:, chosen].T, np.float64)

    def errors(self, chosen: BoolArray, common: FloatArray) -> tuple[float, float, float]:
        """Seconds missed, falsely alarmed and confused in the chosen parts.

        Args:
            chosen: The parts, bool (N,).
            common: What the map of speakers maximizes, (R, P).
        """
        ref, pred, seconds = self.ref[:, chosen], self.pred[:, chosen], self.seconds[chosen]
        rows, columns = linear_sum_assignment(-common)
        correct = np.minimum(ref[rows], pred[columns]).sum(axis=0)
        wanted, given = ref.sum(axis=0), pred.sum(axis=0)
        missed = np.maximum(wanted - given, 0) @ seconds
        false_alarm = np.maximum(given - wanted, 0) @ seconds
        return (
            float(missed),
            float(false_alarm),
            float((np.minimum(wanted, given) - correct) @ seconds),
        )

    def jaccard(self, chosen: BoolArray) -> float:
        """Sum of the Jaccard errors of the reference speakers in the chosen parts."""
        common = self.common(chosen)
        rows, columns = linear_sum_assignment(-common)
        ref, pred, seconds = self.ref[:, chosen] > 0, self.pred[:, chosen] > 0, self.seconds[chosen]
        found = (ref[rows] & pred[columns]) @ seconds
        either = (ref[rows] | pred[columns]) @ seconds
        shares = np.divide(found, either, out=np.zeros_like(found), where=either > 0)
        return float(ref.any(axis=1).sum() - shares.sum())


def _frame_errors(ref: Sequence[Turn], pred: Sequence[Turn], region: Region) -> float:
    """Sum of the Jaccard errors of the reference speakers over frames of 10 ms, as in dscore."""
    length = int(max((end for _, end in region), default=0.0) / _FRAME)
    times = np.asarray(_FRAME * np.arange(length), np.float64)
    scored = np.zeros(length, bool)
    for start, end in region:
        first, last = np.searchsorted(times, (start, end))
        scored[first:last] = True
    wanted, given = (_frames(turns, times)[:, scored] for turns in (ref, pred))
    wanted, given = wanted[wanted.any(axis=1)], given[given.any(axis=1)]
    common = wanted @ given.T
    either = wanted.sum(axis=1)[:, None] + given.sum(axis=1) - common
    shares = common / either
    rows, columns = linear_sum_assignment(-shares)
    return float(len(wanted) - shares[rows, columns].sum())


def _frames(turns: Sequence[Turn], times: FloatArray) -> NDArray[np.int64]:
    """1 where a speaker talks at a time, int (speakers, N)."""
    names = sorted({speaker for _, _, speaker in turns})
    active = np.zeros((len(names), len(times)), np.int64)
    for start, end, speaker in turns:
        first, last = np.searchsorted(times, (start, end))
        active[names.index(speaker), first:last] = 1
    return active


def _checked(turns: Sequence[Turn]) -> Sequence[Turn]:
    for start, end, speaker in turns:
        if not start <= end:
            raise ValueError(f'a turn of {speaker!r} ends at {end}, before its start at {start}')
    return turns


def _prepare(turns: Sequence[Turn], region: Region, rules: _Rules) -> list[Turn]:
    """Cut and join turns; their times become whole microseconds."""
    if rules.cut:
        turns = _cut(turns, region)
    if rules.join == 'overlapping':
        turns = _join(turns, touching=False)
    rounded = [(round(start, _DIGITS), round(end, _DIGITS), name) for start, end, name in turns]
    turns = [turn for turn in rounded if turn[1] > turn[0]]
    return _join(turns) if rules.join == 'touching' else turns


def _region(region: Region | None, turns: Sequence[Turn]) -> Region:
    """The scored parts without overlaps; by default the extent of all turns."""
    if region is None:
        times = [time for start, end, _ in turns for time in (start, end)]
        return [(min(times), max(times))] if times else []
    return [(start, end) for start, end, _ in _join([(*part, '') for part in region])]


def _cut(turns: Sequence[Turn], region: Region) -> list[Turn]:
    """The parts of the turns inside the region."""
    pieces = [
        (max(start, first), min(end, last), speaker)
        for start, end, speaker in turns
        for first, last in region
    ]
    return [piece for piece in pieces if piece[1] > piece[0]]


def _join(turns: Sequence[Turn], *, touching: bool = True) -> list[Turn]:
    """Join turns of one speaker that overlap and, if ``touching``, those without a gap."""
    joined: list[Turn] = []
    for start, end, speaker in sorted(turns, key=lambda turn: (turn[2], turn[0])):
        same = joined and joined[-1][2] == speaker
        if same and (start < joined[-1][1] or (touching and start == joined[-1][1])):
            joined[-1] = (joined[-1][0], max(joined[-1][1], end), speaker)
        else:
            joined.append((start, end, speaker))
    return joined
