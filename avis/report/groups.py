"""Scores of groups of videos, such as those with a challenging condition, with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.breakdown import ALL, group_videos
from avis.evaluation.functional.bootstrap import draw_videos, percentile_interval
from avis.evaluation.functional.resampling import count_draws
from avis.report.results import MethodResult
from avis.report.scores import BoundedScore, estimate, score_of

_MOST_GROUPS = 16  # an attribute with more values, such as a title, is not one to group by
_MOST_ATTRIBUTES = 12
Table = dict[str, Any]


def attributes_of(methods: Sequence[MethodResult], names: Sequence[str]) -> list[dict[str, Any]]:
    """The attributes of every video, from the first method that has the video."""
    found = [method.scores.get('attributes', {}) for method in methods]
    return [next((dict(f[name]) for f in found if name in f), {}) for name in names]


def group_scores(
    methods: Sequence[MethodResult], names: Sequence[str], metrics: Sequence[str]
) -> list[Table]:
    """The scores of all groups of each attribute that has some.

    The scores are those that the evaluation has computed, if it was asked for the attribute for
    every method; else means over the scores of the videos, which AVTrack defines but AVISeg, for
    instance, does not.

    Returns:
        Per attribute ``attribute``, ``pooled`` (whether the evaluation computed the scores),
        ``groups`` (names), ``sizes`` (numbers of videos) and ``scores``: by metric, for each
        method the estimates of all groups.
    """
    attributes = attributes_of(methods, names)
    keys = list(dict.fromkeys(key for video in attributes for key in video))
    tables = []
    by = {method.scores.get('by') for method in methods}
    pooled = by.pop() if len(by) == 1 else None
    if pooled is not None:
        tables.append(_pooled(methods, pooled, metrics))
    for key in keys:
        if key == pooled or len(tables) == _MOST_ATTRIBUTES:
            continue
        groups = group_videos(attributes, key)
        if 1 < len(groups) <= _MOST_GROUPS:
            tables.append(_means(methods, names, metrics, key, groups))
    return sorted(tables, key=lambda table: not table['pooled'])


def _pooled(methods: Sequence[MethodResult], by: str, metrics: Sequence[str]) -> Table:
    """The breakdown that the evaluation has stored."""
    rows = [
        {row['group']: row for row in method.scores['breakdown'] if row['group'] != ALL}
        for method in methods
    ]
    groups = list(dict.fromkeys(group for found in rows for group in found))
    sizes = [next(found[g]['num_videos'] for found in rows if g in found) for g in groups]
    scores: dict[str, list[list[BoundedScore]]] = {metric: [] for metric in metrics}
    for metric in metrics:
        for method, found in zip(methods, rows, strict=True):
            cells = [found.get(group, {}) for group in groups]
            scores[metric].append([estimate(method, cell, metric) for cell in cells])
    return {'attribute': by, 'pooled': True, 'groups': groups, 'sizes': sizes, 'scores': scores}


def _means(
    methods: Sequence[MethodResult],
    names: Sequence[str],
    metrics: Sequence[str],
    attribute: str,
    groups: Mapping[str, Sequence[int]],
) -> Table:
    """Means over the videos of each group."""
    scores: dict[str, list[list[BoundedScore]]] = {metric: [] for metric in metrics}
    for method in methods:
        videos = [method.scores['per_video'].get(name, {}) for name in names]
        values = np.array(
            [[score_of(method, video, metric) for metric in metrics] for video in videos], float
        )
        columns = [_mean_of_group(values[list(indices)]) for indices in groups.values()]
        for row, metric in enumerate(metrics):
            scores[metric].append([column[row] for column in columns])
    sizes = [len(indices) for indices in groups.values()]
    return {
        'attribute': attribute,
        'pooled': False,
        'groups': list(groups),
        'sizes': sizes,
        'scores': scores,
    }


def _mean_of_group(values: NDArray[np.float64]) -> list[BoundedScore]:
    """Mean and interval of every column of (N, M), NaN left out."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0)
    mean = filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    draws = count_draws(draw_videos(len(values)), len(values))
    number = draws @ known
    resampled = np.where(number > 0, draws @ filled / np.maximum(number, 1), np.nan)
    found: list[BoundedScore] = []
    for column in range(values.shape[1]):
        if not known[:, column].any():
            found.append((None, None, None))
        elif len(values) == 1:  # a single video has no spread
            found.append((round(float(mean[column]), 3), None, None))
        else:
            low, high = percentile_interval(resampled[:, column])
            found.append((round(float(mean[column]), 3), round(low, 3), round(high, 3)))
    return found
