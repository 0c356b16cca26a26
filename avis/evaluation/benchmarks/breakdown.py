"""Scores by an attribute of the videos, and of two predictions side by side, with their spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avis.evaluation.benchmarks.base import Benchmark, Summary
from avis.evaluation.functional.bootstrap import draw_videos, paired_p_value, percentile_interval
from avis.evaluation.functional.diagnosis import VideoDiagnosis, score_diagnosis

ALL = 'all'
NONE = '(none)'
UNKNOWN = '(unknown)'
_MOST_VALUES = 8  # a number with more values than this is cut into quarters
_QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class ScoredVideos:
    """The videos that count: their pieces, attributes and, if asked for, diagnoses, in order."""

    benchmark: Benchmark
    pieces: Sequence[Any]
    attributes: Sequence[Mapping[str, Any]]
    diagnoses: Sequence[VideoDiagnosis | None]

    def combine(self, places: Sequence[int]) -> Summary:
        """The numbers of some of the videos."""
        return self.benchmark.combine([self.pieces[place] for place in places])

    def diagnose(self, places: Sequence[int]) -> dict[str, Any]:
        """``diagnosis`` of some of the videos; empty if none of them has one."""
        known = [found for place in places if (found := self.diagnoses[place]) is not None]
        if not known:
            return {}
        benchmark = self.benchmark
        diagnosis = score_diagnosis(known, classes=benchmark.classes, average=benchmark.AVERAGE)
        return {'diagnosis': diagnosis.to_dict()}


def group_videos(attributes: Sequence[Mapping[str, Any]], by: str) -> dict[str, list[int]]:
    """Put videos into groups by an attribute.

    A list of names (challenging conditions) puts a video into the group of each of them. A name
    that occurs in such a list divides the videos by whether they have it. A number with many values
    is cut at its quartiles.

    Args:
        attributes: Of each video.
        by: Name of the attribute.

    Returns:
        Places of videos by group.

    Raises:
        ValueError: No video has the attribute; the message tells those that there are.

    >>> group_videos([{'seen': ['blur']}, {'seen': ['blur', 'cut']}, {'seen': []}], 'seen')
    {'blur': [0, 1], 'cut': [1], '(none)': [2]}
    >>> group_videos([{'seen': ['blur']}, {'seen': []}], 'blur')
    {'with blur': [0], 'without blur': [1]}
    """
    values = [_listed(video.get(by)) for video in attributes]
    if all(value is None for value in values):
        named = {name for v in attributes for item in v.values() for name in _known_names(item)}
        if by not in named:
            known = sorted({key for video in attributes for key in video} | named)
            raise ValueError(f'no video has the attribute {by!r}, they have {known}')
        values = [
            f'with {by}' if any(by in _names(item) for item in video.values()) else f'without {by}'
            for video in attributes
        ]
    numbers = [value for value in values if isinstance(value, int | float)]
    numeric = len(set(numbers)) > _MOST_VALUES
    cuts = np.quantile(numbers, _QUARTERS) if numeric else None
    groups: dict[Any, list[int]] = {}
    for place, value in enumerate(values):
        for key in _keys(value, cuts):
            groups.setdefault(key, []).append(place)
    order = sorted(groups, key=_rank)
    return {_label(key, cuts): groups[key] for key in order}


def break_down(scored: ScoredVideos, by: str) -> list[dict[str, Any]]:
    """One row for all videos and one for each group.

    Returns:
        Of each row its ``group``, ``num_videos``, ``summary``, ``intervals``, by number of the
        summary the ends of its 95 % bootstrap interval over videos, and ``diagnosis`` if its
        videos have one.
    """
    groups = {ALL: list(range(len(scored.pieces))), **group_videos(scored.attributes, by)}
    rows = []
    for group, places in groups.items():
        pieces = [scored.pieces[place] for place in places]
        resampled = scored.benchmark.resample(pieces, draw_videos(len(places)))
        rows.append(
            {
                'group': group,
                'num_videos': len(places),
                'summary': scored.combine(places),
                'intervals': {
                    # One video says nothing about others.
                    key: percentile_interval(values) if len(places) > 1 else (np.nan, np.nan)
                    for key, values in resampled.items()
                },
                **scored.diagnose(places),
            }
        )
    return rows


def compare(first: ScoredVideos, second: ScoredVideos) -> dict[str, dict[str, Any]]:
    """Two predictions of the same videos: difference, its interval and its p-value.

    Returns:
        By number of the summary: ``first``, ``second``, ``difference`` (second - first),
        ``interval`` and ``p_value`` of a paired bootstrap over videos.
    """
    draws = draw_videos(len(first.pieces))
    scores = [scored.combine(range(len(scored.pieces))) for scored in (first, second)]
    resampled = [scored.benchmark.resample(scored.pieces, draws) for scored in (first, second)]
    table = {}
    for key in [key for key in scores[0] if key in resampled[0] and key in resampled[1]]:
        differences = resampled[1][key] - resampled[0][key]
        table[key] = {
            'first': scores[0][key],
            'second': scores[1][key],
            'difference': scores[1][key] - scores[0][key],
            'interval': percentile_interval(differences),
            'p_value': paired_p_value(differences),
        }
    return table


def _listed(value: Any) -> Any:
    """A value as it is grouped: names of a list or of what is true in a mapping as a tuple."""
    if isinstance(value, Mapping):
        value = [name for name, item in value.items() if item]
    return tuple(map(str, value)) if isinstance(value, list | tuple | set) else value


def _names(value: Any) -> tuple[str, ...]:
    """The names in a list attribute; none of any other."""
    listed = _listed(value)
    return listed if isinstance(listed, tuple) else ()


def _known_names(value: Any) -> set[str]:
    """The same, and those that a mapping denies."""
    return set(map(str, value)) if isinstance(value, Mapping) else set(_names(value))


def _keys(value: Any, cuts: Any) -> Sequence[Any]:
    """The groups that a video with this value belongs to."""
    if isinstance(value, tuple):
        return value or [NONE]
    if value is None:
        return [UNKNOWN]
    if cuts is not None and isinstance(value, int | float):
        return [int(np.searchsorted(cuts, value, side='left'))]
    return [value]


def _rank(key: Any) -> tuple[bool, bool, Any]:
    """Numbers first, then names, then what stands for no value."""
    number = isinstance(key, int | float)
    return key in (NONE, UNKNOWN), not number, key if number else str(key)


def _label(key: Any, cuts: Any) -> str:
    if cuts is None or not isinstance(key, int):
        return str(key)
    ends = [f'{cut:g}' for cut in cuts]
    if key == 0:
        return f'up to {ends[0]}'
    return f'above {ends[-1]}' if key == len(ends) else f'{ends[key - 1]} to {ends[key]}'
