"""The charts of a report as PDF and PNG for a paper, drawn by matplotlib."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from avis.report.data import Content, build_report
from avis.report.results import MethodResult
from avis.utils.atomic import atomic_path

_PARTS = {'score': '#009e73', 'who': '#c0392b', 'where': '#e69f00', 'same': '#7d3c98'}
_LINES = {'HOTA': '-', 'DetA': '--', 'AssA': ':'}
_BINS = np.arange(0, 101, 5)
_MOST_BARS = 6
_DPI = 150
_ABOVE = {'loc': 'lower center', 'bbox_to_anchor': (0.5, 1)}  # a legend hides nothing there


def write_figures(methods: Sequence[MethodResult], folder: str | Path) -> list[Path]:
    """Write each chart as ``NAME.pdf`` and ``NAME.png``.

    Args:
        methods: From :func:`avis.report.results.load_results`.
        folder: It is created if necessary.

    Returns:
        The files: ``methods``, ``distribution``, and where the results have them
        ``conditions_ATTRIBUTE``, ``diagnosis``, ``errors`` and ``thresholds``.

    Raises:
        ImportError: matplotlib is missing; the message says how to install it.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "figures need matplotlib, which is not installed: pip install 'avis[report]'"
        ) from error
    content = build_report(methods, title='')
    paths = []
    for name, draw in _charts(content).items():
        figure = Figure(figsize=(6.4, 3.6), layout='constrained')
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        draw(axes)
        for suffix in ('.pdf', '.png'):
            paths.append(Path(folder, f'{name}{suffix}'))
            # Without a date the same results give the same file.
            options: Any = {'metadata': {'CreationDate': None}} if suffix == '.pdf' else {}
            with atomic_path(paths[-1]) as part:
                figure.savefig(part, format=suffix[1:], dpi=_DPI, **options)
    return paths


def _charts(content: Content) -> dict[str, Callable[[Any], None]]:
    """A function per chart that draws it on axes."""
    names = content['metrics'][:_MOST_BARS]
    summary = [[content['summary'][key][m] for key in names] for m in _methods(content)]
    charts: dict[str, Callable[[Any], None]] = {
        'methods': lambda axes: _draw_bars(axes, content, names, summary, content['unit']),
        'distribution': lambda axes: _draw_distribution(axes, content),
    }
    for number, table in enumerate(content['groups']):
        name = ''.join(c if c.isalnum() else '_' for c in str(table['attribute']))
        if f'conditions_{name}' in charts:
            name = f'{name}_{number}'
        charts[f'conditions_{name}'] = partial(_draw_groups, content=content, table=table)
    if content['diagnosis']:
        charts['diagnosis'] = lambda axes: _draw_diagnosis(axes, content)
    if any(content['errors']):
        charts['errors'] = lambda axes: _draw_errors(axes, content)
    if content['curves']:
        charts['thresholds'] = lambda axes: _draw_curves(axes, content)
    return charts


def _methods(content: Content) -> range:
    return range(len(content['methods']))


def _label(content: Content, method: int) -> str:
    """Name of a method; ``$`` would start a formula."""
    return _plain(content['methods'][method]['name'])


def _plain(text: Any) -> str:
    return str(text).replace('$', r'\$')


def _color(content: Content, method: int) -> str:
    colors: list[str] = content['colors']
    return colors[method % len(colors)]


def _draw_bars(
    axes: Any, content: Content, names: Sequence[Any], rows: Sequence[Any], ylabel: str
) -> None:
    """Grouped bars with intervals; ``rows`` has an estimate per method and name."""
    width = 0.8 / len(rows)
    for method, row in enumerate(rows):
        values = np.array([[np.nan if v is None else v for v in cell] for cell in row], float)
        score, low, high = values.T if len(values) else np.zeros((3, 0))
        errors = np.nan_to_num(np.stack([score - low, high - score]))
        at = np.arange(len(names)) + (method - (len(rows) - 1) / 2) * width
        axes.bar(
            at,
            score,
            width,
            yerr=np.maximum(errors, 0) if errors.any() else None,
            color=_color(content, method),
            capsize=2,
            label=_label(content, method),
        )
    axes.set_ylabel(ylabel)
    _finish(axes, names)


def _draw_groups(axes: Any, content: Content, table: Content) -> None:
    metric = content['metrics'][0]
    names = [f'{g} ({n})' for g, n in zip(table['groups'], table['sizes'], strict=True)]
    kind = '' if table['pooled'] else ', mean over videos'
    _draw_bars(axes, content, names, table['scores'][metric], f'{metric}{kind}')
    axes.set_xlabel(_plain(table['attribute']))


def _draw_distribution(axes: Any, content: Content) -> None:
    metric = content['metrics'][0]
    for method, row in enumerate(content['videos']['scores'].get(metric, [])):
        values = [value for value in row if value is not None]
        axes.hist(
            values,
            bins=_BINS,
            alpha=0.6,
            color=_color(content, method),
            label=_label(content, method),
        )
    axes.set_xlabel(metric)
    axes.set_ylabel('videos')
    axes.legend(ncols=3, **_ABOVE)


def _draw_diagnosis(axes: Any, content: Content) -> None:
    metric, rows = next(iter(content['diagnosis'].items()))
    known = [method for method in _methods(content) if rows[method]]
    left = np.zeros(len(known))
    for part, color in _PARTS.items():
        values = np.array([rows[method][part] for method in known], float)
        label = metric if part == 'score' else part
        axes.barh(range(len(known)), values, left=left, color=color, label=label)
        left += values
    axes.set_yticks(range(len(known)), [_label(content, method) for method in known])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel('percent')
    axes.legend(ncols=4, **_ABOVE)


def _draw_errors(axes: Any, content: Content) -> None:
    errors = [found or {} for found in content['errors']]
    kinds = list(dict.fromkeys(k for found in errors for k, n in found.items() if n))
    rows = [[(found.get(kind), None, None) for kind in kinds] for found in errors]
    _draw_bars(axes, content, [kind.replace('_', ' ') for kind in kinds], rows, 'number')


def _draw_curves(axes: Any, content: Content) -> None:
    for name, style in _LINES.items():
        for method, values in enumerate(content['curves'].get(name, [])):
            if values:
                label = f'{_label(content, method)} {name}'
                axes.plot(
                    content['curves']['alphas'],
                    values,
                    style,
                    color=_color(content, method),
                    label=label,
                )
    axes.set_xlabel('IoU threshold')
    axes.set_ylabel('percent')
    axes.legend(ncols=3, fontsize='small', **_ABOVE)


def _finish(axes: Any, names: Sequence[Any]) -> None:
    """Names below the bars, slanted if there are many, and the methods."""
    many = len(names) > _MOST_BARS or max((len(str(n)) for n in names), default=0) > 14
    axes.set_xticks(range(len(names)), [_plain(name) for name in names])
    if many:
        axes.tick_params(axis='x', rotation=40)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment('right')
    axes.legend(ncols=3, **_ABOVE)
