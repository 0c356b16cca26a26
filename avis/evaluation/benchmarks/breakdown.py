"""Scores by attribute of the videos, and comparison of two predictions, with intervals."""

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
_MOST_VALUES = 8  # a number with more distinct values is split at its quartiles
_QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class ScoredVideos:
    """The videos that count, in order: partial scores, attributes and, if requested, diagnoses."""

    benchmark: Benchmark
    partials: Sequence[Any]
    attributes: Sequence[Mapping[str, Any]]
    diagnoses: Sequence[VideoDiagnosis | None]

    def combine(self, indices: Sequence[int]) -> Summary:
        """The summary of some of the videos."""
        return self.benchmark.combine([self.partials[index] for index in indices])

    def diagnose(self, indices: Sequence[int]) -> dict[str, Any]:
        """``diagnosis`` of some of the videos; an empty dict if none of them has one."""
        known = [found for index in indices if (found := self.diagnoses[index]) is not None]
        if not known:
            return {}
        benchmark = self.benchmark
        diagnosis = score_diagnosis(known, classes=benchmark.classes, average=benchmark.AVERAGE)
        return {'diagnosis': diagnosis.to_dict()}

    def intervals(self, indices: Sequence[int]) -> dict[str, tuple[float, float]]:
        """Both ends of the 95 % bootstrap interval over some of the videos, by score."""
        partials = [self.partials[index] for index in indices]
        resampled = self.benchmark.resample(partials, draw_videos(len(indices)))
        return {
            # A single video has no spread.
            key: percentile_interval(values) if len(indices) > 1 else (np.nan, np.nan)
            for key, values in resampled.items()
        }


def group_videos(attributes: Sequence[Mapping[str, Any]], by: str) -> dict[str, list[int]]:
    """Group videos by an attribute.

    If the attribute is a list of names (such as challenging conditions), a video belongs to the
    group of each name. If ``by`` is a name of such a list, the videos are split by whether they
    have it.
    Numbers with many distinct values are split at their quartiles.

    Args:
        attributes: Attributes of each video.
        by: Name of the attribute.

    Returns:
        Positions of videos by group.

    Raises:
        ValueError: No video has the attribute; the message lists the attributes that exist.

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
            raise ValueError(f'no video has the attribute {by!r}; use one of {known}')
        values = [
            f'with {by}' if any(by in _names(item) for item in video.values()) else f'without {by}'
            for video in attributes
        ]
    numbers = [value for value in values if isinstance(value, int | float)]
    numeric = len(set(numbers)) > _MOST_VALUES
    cuts = np.quantile(numbers, _QUARTERS) if numeric else None
    groups: dict[Any, list[int]] = {}
    for index, value in enumerate(values):
        for key in _keys(value, cuts):
            groups.setdefault(key, []).append(index)
    order = sorted(groups, key=_rank)
    return {_label(key, cuts): groups[key] for key in order}


def break_down(scored: ScoredVideos, by: str) -> list[dict[str, Any]]:
    """One row for all videos and one for each group.

    Returns:
        Per row ``group``, ``num_videos``, ``summary``, ``intervals`` (for each score of the summary
        both ends of its 95 % bootstrap interval over videos), and ``diagnosis`` if its videos have
        one.
    """
    groups = {ALL: list(range(len(scored.partials))), **group_videos(scored.attributes, by)}
    rows = []
    for group, indices in groups.items():
        rows.append(
            {
                'group': group,
                'num_videos': len(indices),
                'summary': scored.combine(indices),
                'intervals': scored.intervals(indices),
                **scored.diagnose(indices),
            }
        )
    return rows


def compare(first: ScoredVideos, second: ScoredVideos) -> dict[str, dict[str, Any]]:
    """Compare two predictions of the same videos: difference, interval and p-value.

    Returns:
        For each score of the summary: ``first``, ``second``, ``difference`` (second - first),
        ``interval`` and ``p_value`` of a paired bootstrap over videos.
    """
    draws = draw_videos(len(first.partials))
    scores = [scored.combine(range(len(scored.partials))) for scored in (first, second)]
    resampled = [scored.benchmark.resample(scored.partials, draws) for scored in (first, second)]
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
    """A value for grouping: lists, and the keys of a mapping with true values, become tuples."""
    if isinstance(value, Mapping):
        value = [name for name, item in value.items() if item]
    return tuple(map(str, value)) if isinstance(value, list | tuple | set) else value


def _names(value: Any) -> tuple[str, ...]:
    """The names of a list attribute; empty for other attributes."""
    listed = _listed(value)
    return listed if isinstance(listed, tuple) else ()


def _known_names(value: Any) -> set[str]:
    """The names of a list attribute, and all keys of a mapping."""
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
    """Sort key: numbers first, then names, then missing values."""
    number = isinstance(key, int | float)
    return key in (NONE, UNKNOWN), not number, key if number else str(key)


def _label(key: Any, cuts: Any) -> str:
    if cuts is None or not isinstance(key, int):
        return str(key)
    ends = [f'{cut:g}' for cut in cuts]
    if key == 0:
        return f'up to {ends[0]}'
    return f'above {ends[-1]}' if key == len(ends) else f'{ends[key - 1]} to {ends[key]}'
