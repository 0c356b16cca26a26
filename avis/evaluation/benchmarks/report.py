"""Write the result of an evaluation as JSON and CSV, and print it as tables."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from avis.evaluation.benchmarks.problems import count_problems, list_problems
from avis.utils.atomic import atomic_path, write_atomic

METRICS_FILE, VIDEOS_FILE = 'metrics.json', 'per_video.csv'


def write_result(result: Mapping[str, Any], folder: str | Path) -> None:
    """Write ``metrics.json`` (all of it, full precision) and ``per_video.csv`` into a folder."""
    folder = Path(folder)
    write_atomic(folder / METRICS_FILE, encode_json(result))
    errors = result.get('diagnosis', {}).get('per_video', {})

    def rows() -> Iterator[dict[str, Any]]:
        for name, scores in result['per_video'].items():
            attributes = result['attributes'].get(name, {})
            yield {'video': name, **attributes, **scores, **errors.get(name, {})}

    columns = list(dict.fromkeys(key for row in rows() for key in row))
    with atomic_path(folder / VIDEOS_FILE) as part, part.open('w', newline='') as file:
        writer = csv.DictWriter(file, columns or ['video'])
        writer.writeheader()
        writer.writerows(rows())


def encode_json(value: Any) -> bytes:
    """Encode a value as JSON: arrays become lists, paths text, and non-finite numbers null."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=_simplify), indent=2) + b'\n'


def _simplify(value: Any) -> Any:
    """Replace a value of a type that JSON does not have."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)


def print_result(result: Mapping[str, Any], console: Console) -> None:
    """Print the problems, the summary, the breakdown and the comparison."""
    for problems in (result['problems'], result.get('second', {}).get('problems', ())):
        for line in list_problems(problems, limit=20):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(
        f'{result["benchmark"]}, {result["protocol"]} protocol: {_videos(result)}', soft_wrap=True
    )
    if 'comparison' in result:
        console.print(_comparison_table(result['comparison']))
    else:
        console.print(_summary_table(result['summary']))
    if 'breakdown' in result:
        shown = result['headline'] or list(result['summary'])
        console.print(_breakdown_table(result['breakdown'], result['by'], shown))
    if 'diagnosis' in result:
        console.print(_diagnosis_table(result['diagnosis']))
        if 'breakdown' in result:
            console.print(_gains_table(result['breakdown'], result['by']))


def _videos(result: Mapping[str, Any]) -> str:
    text = f'{result["num_videos"]} videos'
    if result['skipped']:
        text += f', {len(result["skipped"])} skipped'
    counts = count_problems(result['problems'])
    if counts:
        text += ' (' + ', '.join(f'{count} {kind}' for kind, count in counts.items()) + ')'
    return text


def _summary_table(summary: Mapping[str, Any]) -> Table:
    table = Table('metric', 'value')
    table.columns[1].justify = 'right'
    for name, value in summary.items():
        table.add_row(name, _number(value))
    return table


def _comparison_table(comparison: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table('metric', 'first', 'second', 'difference', '95 % interval', 'p')
    for column in table.columns[1:]:
        column.justify = 'right'
    for name, row in comparison.items():
        numbers = [_number(row[key]) for key in ('first', 'second', 'difference')]
        table.add_row(name, *numbers, _interval(row['interval']), f'{row["p_value"]:.3f}')
    return table


def _breakdown_table(rows: Iterable[Mapping[str, Any]], by: str, shown: Sequence[str]) -> Table:
    """A row per group; below each score its 95 % interval."""
    table = Table(by, 'videos', *shown, box=SIMPLE)  # the narrowest style
    for column in table.columns[1:]:
        column.justify = 'right'
    for row in rows:
        cells = []
        for name in shown:
            interval = _interval(row['intervals'].get(name, (math.nan, math.nan)))
            cells.append(f'{_number(row["summary"].get(name))}\n[dim]{interval}[/dim]')
        table.add_row(str(row['group']), str(row['num_videos']), *cells)
    return table


def _diagnosis_table(diagnosis: Mapping[str, Any]) -> Table:
    """Gain of each metric per set of oracles, and the share of each component in the loss."""
    metrics = diagnosis['metrics']
    table = Table('oracles', title='who, where, same (corrected)', title_justify='left')
    for name, metric in metrics.items():
        table.add_column(f'{name} {_number(metric["score"])}', justify='right')
    for oracles in next(iter(metrics.values()))['gain']:
        table.add_row(oracles, *(f'{m["gain"][oracles]:+.4f}' for m in metrics.values()))
    table.add_section()
    for component in next(iter(metrics.values()))['share']:
        shares = (f'{m["share"][component]:.4f}' for m in metrics.values())
        table.add_row(f'share of {component}', *shares)
    errors = ', '.join(f'{value} {kind}' for kind, value in diagnosis['errors'].items() if value)
    table.caption = errors or 'no error'
    return table


def _gains_table(rows: Iterable[Mapping[str, Any]], by: str) -> Table:
    """A row per group: its first metric, and the gain by the oracle of each component."""
    rows = [row for row in rows if 'diagnosis' in row]
    metric, first = next(iter(rows[0]['diagnosis']['metrics'].items()))
    table = Table(by, 'videos', metric, *first['share'], box=SIMPLE)
    for column in table.columns[1:]:
        column.justify = 'right'
    for row in rows:
        found = row['diagnosis']['metrics'][metric]
        gains = (f'{found["gain"][component]:+.1f}' for component in found['share'])
        table.add_row(str(row['group']), str(row['num_videos']), _number(found['score']), *gains)
    return table


def _number(value: Any) -> str:
    """Four significant digits, so that 0.5123 and 51.23 have the same precision."""
    if isinstance(value, int):
        return str(value)
    if value is None or math.isnan(value):
        return '-'
    return f'{value:.4f}' if abs(value) < 1 else f'{value:.2f}'


def _interval(ends: tuple[float, float]) -> str:
    if math.isnan(ends[0]):
        return '-'
    digits = 3 if max(map(abs, ends)) <= 1 else 1
    return f'{ends[0]:.{digits}f}..{ends[1]:.{digits}f}'
