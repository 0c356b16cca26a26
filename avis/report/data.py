"""The content of a report as plain values, drawn by the page and by the figures alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from avis.evaluation.functional.diagnosis import DIAGNOSED_METRICS
from avis.evaluation.functional.hota import ALPHAS
from avis.evaluation.functional.oracles import COMPONENTS
from avis.report.groups import attributes_of, group_scores
from avis.report.results import MethodResult
from avis.report.scores import estimate, list_metrics, number, scale_of, score_of
from avis.visualization.colors import IDENTITY_COLORS

_CURVES = ('HOTA', 'DetA', 'AssA')
_MASK_COUNTS = ('missed_masks', 'ghost_masks')
Content = dict[str, Any]


def build_report(methods: Sequence[MethodResult], *, title: str) -> Content:
    """Collect everything but the timelines.

    Args:
        methods: The methods in the order in which they are shown.
        title: Heading of the report.

    Returns:
        ``title``, ``benchmark``, ``protocol``, ``unit``, ``colors`` (of methods and tracks),
        ``methods`` (what each was scored on), ``metrics`` (names), ``summary`` (estimates by metric
        and method), ``groups`` (:func:`avis.report.groups.group_scores`), ``diagnosis``,
        ``errors``, ``curves`` and ``videos``. Lists of methods are in the order of ``methods``.
    """
    metrics = list_metrics(methods)
    names = list(dict.fromkeys(name for m in methods for name in m.scores['per_video']))
    first = methods[0].scores
    return {
        'title': title,
        'benchmark': first['benchmark'],
        'protocol': first['protocol'],
        'unit': '' if first.get('unit') == 'number' else '%',
        'colors': ['#{:02x}{:02x}{:02x}'.format(*color) for color in IDENTITY_COLORS],
        'methods': [_describe(method, metrics) for method in methods],
        'metrics': metrics,
        'summary': {key: [estimate(m, m.scores, key) for m in methods] for key in metrics},
        'groups': group_scores(methods, names, metrics),
        'diagnosis': _diagnosis(methods),
        'errors': _errors(methods),
        'curves': _curves(methods),
        'videos': _videos(methods, names, metrics),
    }


def pack_timelines(methods: Sequence[MethodResult], names: Sequence[str]) -> list[Any]:
    """The timelines of every video with flat runs: for each video one entry per method.

    An entry is None, or ``[frames, gt tracks, predicted tracks, errors]``; a track is
    ``[id, class, runs]``, and ``errors`` are runs by kind.
    """
    return [[_pack(method.timelines.get(name)) for method in methods] for name in names]


def _describe(method: MethodResult, metrics: Sequence[str]) -> Content:
    """What a method was scored on, and its comparison with the first method."""
    scores = method.scores
    total = scores.get('num_videos', len(scores['per_video']))
    return {
        'name': method.name,
        'pred': scores.get('pred', ''),
        'num_videos': total,
        'skipped': len(scores.get('skipped', ())),
        'unpredicted': len(scores.get('unpredicted', ())),
        'problems': dict(scores.get('problem_counts', {})),
        'version': scores.get('versions', {}).get('avis', ''),
        'comparison': _comparison(method, metrics),
    }


def _comparison(method: MethodResult, metrics: Sequence[str]) -> Content:
    """``[difference, low, high, p]`` by metric; empty for the first method of an evaluation."""
    rows, scale = method.scores.get('comparison', {}), scale_of(method)
    found = {}
    for metric in metrics:
        if metric in rows:
            row = rows[metric]
            low, high = row.get('interval') or (None, None)
            differences = (number(value, scale) for value in (row.get('difference'), low, high))
            found[metric] = [*differences, number(row.get('p_value'))]
    return found


def _diagnosis(methods: Sequence[MethodResult]) -> Content:
    """By metric, for each method the score and the share of each component in the loss."""
    table: Content = {}
    for metric in DIAGNOSED_METRICS:
        rows: list[Content | None] = []
        for method in methods:
            found = method.scores.get('diagnosis', {}).get('metrics', {}).get(metric)
            if found is None or number(found['score']) is None:
                rows.append(None)
                continue
            shares = {name: number(found['share'][name]) for name in COMPONENTS}
            rows.append({'score': number(found['score']), **shares})
        if any(rows):
            table[metric] = rows
    return table


def _errors(methods: Sequence[MethodResult]) -> list[dict[str, int] | None]:
    """The errors of each method by kind."""
    counts = [method.scores.get('diagnosis', {}).get('errors') for method in methods]
    return [
        found and {k: n for k, n in found.items() if isinstance(n, int) and k not in _MASK_COUNTS}
        for found in counts
    ]


def _curves(methods: Sequence[MethodResult]) -> Content:
    """HOTA, DetA and AssA in percent at every threshold, for each method."""
    curves: Content = {}
    for name in _CURVES:
        rows = []
        for method in methods:
            details = method.scores.get('details', {})
            hota = details.get('class_averaged', details).get('HOTA', {})
            values = hota.get(name)
            rows.append(values and [number(value, 100) for value in values])
        if any(rows):
            curves[name] = rows
    return curves and {'alphas': [round(float(a), 2) for a in ALPHAS], **curves}


def _videos(
    methods: Sequence[MethodResult], names: Sequence[str], metrics: Sequence[str]
) -> Content:
    """Columns of the table of videos: ``scores`` by metric, method and video."""
    attributes = attributes_of(methods, names)
    columns = list(dict.fromkeys(key for video in attributes for key in video))
    scores = {
        metric: [
            [score_of(m, m.scores['per_video'].get(name, {}), metric) for name in names]
            for m in methods
        ]
        for metric in metrics
    }
    errors = [[_num_errors(method.timelines.get(name)) for name in names] for method in methods]
    return {
        'names': list(names),
        'columns': columns,
        'attributes': [[_text(video.get(key)) for key in columns] for video in attributes],
        # A score that no video has, such as one of pooled classes, is no column.
        'scores': {m: rows for m, rows in scores.items() if any(v is not None for v in rows[0])},
        'errors': errors if any(method.timelines for method in methods) else [],
        'classes': [dict(method.class_names) for method in methods],
    }


def _text(value: Any) -> str | float:
    """An attribute for the table: numbers stay numbers, which are sorted as such."""
    if isinstance(value, Mapping):
        value = [key for key, on in value.items() if on]
    if isinstance(value, list):
        return ', '.join(map(str, value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return '' if value is None else str(value)


def _num_errors(timeline: Mapping[str, Any] | None) -> int | None:
    """The marks that a timeline shows."""
    return None if timeline is None else sum(len(runs) for runs in timeline['errors'].values())


def _pack(timeline: Mapping[str, Any] | None) -> list[Any] | None:
    if timeline is None:
        return None
    sides = [
        [[track['id'], track['label'], _flat(track['runs'])] for track in timeline[side]]
        for side in ('gt', 'pred')
    ]
    errors = {kind: _flat(runs) for kind, runs in timeline['errors'].items()}
    return [timeline['frames'], *sides, errors]


def _flat(runs: Sequence[Sequence[int]]) -> list[int]:
    return [value for run in runs for value in run]
