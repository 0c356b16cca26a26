"""Write the result of an evaluation as JSON, CSV and tables, and print it."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from avis.evaluation.benchmarks.problems import group_problems
from avis.evaluation.benchmarks.protocol_gap import describe_gap
from avis.evaluation.benchmarks.table_formats import FORMATS, to_markdown
from avis.evaluation.benchmarks.tables import (
    Result,
    ScoreTable,
    build_tables,
    repeated_runs,
    unit_of,
)
from avis.utils.atomic import atomic_path, write_atomic

METRICS_FILE, VIDEOS_FILE, TABLES_FILE = 'metrics.json', 'per_video.csv', 'tables.md'
Format: TypeAlias = Literal['table', 'markdown', 'latex', 'csv', 'json']
_NAMED = 3  # names of videos in a line


def write_result(result: Result, folder: str | Path) -> None:
    """Write three files into a folder.

    ``metrics.json`` has all of it in full precision, ``per_video.csv`` a line per video (and
    prediction, if there are several), ``tables.md`` what :func:`print_result` prints, unsplit.
    """
    folder = Path(folder)
    write_atomic(folder / METRICS_FILE, encode_json(result))
    write_atomic(folder / TABLES_FILE, to_markdown(build_tables(result)))
    columns = list(dict.fromkeys(key for row in _video_rows(result) for key in row))
    with atomic_path(folder / VIDEOS_FILE) as part, part.open('w', newline='') as file:
        writer = csv.DictWriter(file, columns or ['video'])
        writer.writeheader()
        writer.writerows(_video_rows(result))


def encode_json(value: Any) -> bytes:
    """Encode a value as JSON: arrays become lists, paths text, and non-finite numbers null."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=_simplify), indent=2) + b'\n'


def format_result(result: Result, form: Format) -> str:
    """All tables as Markdown, LaTeX or CSV, or the whole result as JSON."""
    if form == 'json':
        return encode_json(result).decode()
    return FORMATS[form](build_tables(result))


def print_result(result: Result, console: Console) -> None:
    """Print the tables, split into as many as fit the width, and below them the notes."""
    console.print(_heading(result), highlight=False, soft_wrap=True)
    for table in build_tables(result, overview='others' in result):
        console.print(table.title, style='bold', markup=False, highlight=False, soft_wrap=True)
        for part in _split(table, console):
            console.print(part)
    print_notes(result, console)


def print_notes(result: Result, console: Console) -> None:
    """Print what is wrong with the files and which protocol to take, without the tables."""
    runs = repeated_runs(result)
    for run in runs:
        prefix = f'{run["name"]}: ' if len(runs) > 1 else ''
        for line in _notes(run):
            shown = line if line.startswith(' ') else f'{prefix}{line}'
            console.print(shown, markup=False, highlight=False, soft_wrap=True)


def _simplify(value: Any) -> Any:
    """Replace a value of a type that JSON does not have."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)


def _video_rows(result: Result) -> Iterator[dict[str, Any]]:
    runs = repeated_runs(result)
    for run in runs:
        errors = run.get('diagnosis', {}).get('per_video', {})
        prediction = {'prediction': run['name']} if len(runs) > 1 else {}
        for name, scores in run['per_video'].items():
            attributes = run['attributes'].get(name, {})
            yield {**prediction, 'video': name, **attributes, **scores, **errors.get(name, {})}


def _heading(result: Result) -> str:
    unit = f', scores {unit}' if (unit := unit_of(result)) else ''
    text = f'{result["benchmark"]}, {result["protocol"]} protocol{unit}: '
    text += f'{result["num_videos"]} videos'
    return f'{text}, {len(result["skipped"])} left out' if result['skipped'] else text


def _notes(run: Result) -> Iterator[str]:
    """One line for each thing that concerns the scores of a prediction, problems last."""
    total = run['num_videos'] + len(run['skipped'])
    if run['unpredicted']:
        names = _name_some(run['unpredicted'])
        yield f'{len(run["unpredicted"])} of {total} videos have no prediction: {names}'
    if run['skipped']:
        yield f'{len(run["skipped"])} of {total} videos are left out: {_name_some(run["skipped"])}'
    if 'protocol_gap' in run:
        yield describe_gap(run['protocol_gap'])
    if run['problems']:
        plural = 's' if len(run['problems']) > 1 else ''
        yield f'{len(run["problems"])} problem{plural} of the files:'
        yield from (f'  {line}' for line in group_problems(run['problems']))


def _name_some(names: list[str]) -> str:
    more = f' and {len(names) - _NAMED} more' if len(names) > _NAMED else ''
    return ', '.join(names[:_NAMED]) + more


def _split(table: ScoreTable, console: Console) -> Iterator[Table]:
    """Tables with as many columns as fit the console; each starts with the keys of the rows."""
    keys = list(range(table.keys))
    rest = list(range(table.keys, len(table.columns)))
    while rest:
        count = len(rest)
        while count > 1 and not _fits(_rich_table(table, keys + rest[:count]), console):
            count -= 1
        yield _rich_table(table, keys + rest[:count])
        rest = rest[count:]


def _fits(table: Table, console: Console) -> bool:
    return Measurement.get(console, console.options.update(max_width=10_000), table).maximum <= (
        console.width
    )


def _rich_table(table: ScoreTable, shown: list[int]) -> Table:
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number in shown:
        justify: Literal['left', 'right'] = 'right' if number else 'left'
        # A name that is too long for any width is folded, never cut.
        name = Text(table.columns[number].name)
        made.add_column(name, justify=justify, overflow='fold')
    for row in table.rows:
        made.add_row(*(_text(table.columns[number].show(row[number])) for number in shown))
    return made


def _text(lines: list[str]) -> Text:
    """A cell; an interval is dim, below its score."""
    first, *rest = lines
    return Text('\n').join([Text(first), *(Text(line, style='dim') for line in rest)])
