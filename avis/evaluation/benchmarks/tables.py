"""The result of an evaluation as tables, independent of their format."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

Result: TypeAlias = Mapping[str, Any]


class Estimate(NamedTuple):
    """A score and both ends of its 95 % interval."""

    value: float | None
    low: float
    high: float


# Text, a count, a score, or both ends of an interval.
Cell: TypeAlias = str | int | float | Estimate | tuple[float, float] | None


@dataclass(frozen=True)
class Column:
    """The head of a column, and the format of its numbers that are not integers."""

    name: str
    spec: str = '.2f'

    def show(self, cell: Cell) -> list[str]:
        """Format a cell as one line, or an estimate as two; ``-`` where it is undefined.

        >>> Column('HOTA').show(Estimate(50.123, 40.0, 60.0))
        ['50.12', '[40.00, 60.00]']
        >>> Column('difference', '+.2f').show(2.5)
        ['+2.50']
        """
        if isinstance(cell, Estimate):
            return [*self.show(cell.value), *self.show((cell.low, cell.high))]
        if isinstance(cell, tuple):
            ends = [self.show(end)[0] for end in cell]
            return ['-' if '-' in ends else f'[{ends[0]}, {ends[1]}]']
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return ['-']
        return [format(cell, self.spec) if isinstance(cell, float) else str(cell)]


@dataclass(frozen=True)
class ScoreTable:
    """A table.

    Args:
        title: What it shows, with the unit.
        columns: The first ``keys`` columns say what a row is.
        rows: One cell per column.
        keys: Number of these columns.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    keys: int = 1


def repeated_runs(result: Result) -> list[Result]:
    """The results of all predictions, the first one first."""
    return [result, *result.get('others', ())]


def unit_of(result: Result) -> str:
    """What the scores of its tables are: ``in percent``, or nothing."""
    return '' if result['unit'] == 'number' else 'in percent'


def build_tables(result: Result, *, overview: bool = True) -> list[ScoreTable]:
    """All tables of a result: scores, comparisons, groups, diagnosis and problems.

    Args:
        result: What :func:`avis.apis.evaluation.evaluate` returns.
        overview: Begin with a row per prediction, even if it repeats scores of the second table.
    """
    runs = repeated_runs(result)
    tables = _score_tables(runs, overview)
    tables += [_comparison(runs[0], run) for run in runs if 'comparison' in run]
    tables += [_breakdown(run) for run in runs if 'breakdown' in run]
    diagnosed = [run for run in runs if 'diagnosis' in run]
    tables += [_diagnosis(run) for run in diagnosed]
    if diagnosed:
        tables.append(_errors(diagnosed))
    tables += [_gains(run) for run in diagnosed if 'breakdown' in run]
    if len(runs) > 1:
        tables.append(_files(runs))
    return tables


def _score_tables(runs: Sequence[Result], overview: bool) -> list[ScoreTable]:
    """A row per prediction with its main scores, and a row per score with all of them."""
    names = list(dict.fromkeys(name for run in runs for name in run['summary']))
    headline = [name for name in runs[0]['headline'] if name in names] or names
    columns = [_column(runs[0], name) for name in headline]
    rows = [[run['name'], *(_scaled(run, name) for name in headline)] for run in runs]
    main = ScoreTable(_title(runs[0], 'Main scores'), [Column('prediction'), *columns], rows)
    every = ScoreTable(
        _title(runs[0], 'All scores'),
        [Column('score'), *(_column(run, run['name']) for run in runs)],
        [[name, *(_scaled(run, name) for run in runs)] for name in names],
    )
    if len(headline) == len(names):
        return [main]
    return [main, every] if overview else [every]


def _comparison(first: Result, second: Result) -> ScoreTable:
    scale = _scale(first)
    rows: list[list[Cell]] = []
    for name, row in second['comparison'].items():
        low, high = row['interval']
        difference = scale * float(row['difference'])
        rows.append([name, difference, (scale * low, scale * high), float(row['p_value'])])
    spec = _spec(first)
    columns = [
        Column('score'),
        Column('difference', f'+{spec}'),
        Column('95 % interval', spec),
        Column('p', '.3f'),
    ]
    return ScoreTable(_title(first, f'{second["name"]} minus {first["name"]}'), columns, rows)


def _breakdown(run: Result) -> ScoreTable:
    """A row per group."""
    shown, scale = run['headline'] or list(run['summary']), _scale(run)
    rows = []
    for row in run['breakdown']:
        cells: list[Cell] = [str(row['group']), row['num_videos']]
        for name in shown:
            low, high = row['intervals'].get(name, (math.nan, math.nan))
            value = _scaled({**run, 'summary': row['summary']}, name)
            is_score = value is None or isinstance(value, float)
            cells.append(Estimate(value, scale * low, scale * high) if is_score else value)
        rows.append(cells)
    columns = [Column(run['by']), Column('videos'), *(_column(run, name) for name in shown)]
    title = f'{run["name"]} by {run["by"]}, with 95 % interval'
    return ScoreTable(_title(run, title), columns, rows, keys=2)


def _diagnosis(run: Result) -> ScoreTable:
    """Gain of each metric per set of oracles, and the share of each component in the loss."""
    metrics = run['diagnosis']['metrics']
    first = next(iter(metrics.values()))
    rows: list[list[Cell]] = [['score', *(m['score'] for m in metrics.values())]]
    for word, key in (('gain by', 'gain'), ('share of', 'share')):
        rows += [
            [f'{word} {name}', *(metric[key][name] for metric in metrics.values())]
            for name in first[key]
        ]
    columns = [Column('oracles'), *map(Column, metrics)]
    title = f'{run["name"]}: who, where, same, corrected protocol, in percent'
    return ScoreTable(title, columns, rows)


def _errors(runs: Sequence[Result]) -> ScoreTable:
    """Errors of each prediction by kind."""
    kinds = runs[0]['diagnosis']['errors']
    rows = [[kind, *(run['diagnosis']['errors'][kind] for run in runs)] for kind in kinds]
    return ScoreTable('Errors', [Column('kind'), *(Column(run['name']) for run in runs)], rows)


def _gains(run: Result) -> ScoreTable:
    """A row per group: its first metric, and the gain by the oracle of each component."""
    groups = [row for row in run['breakdown'] if 'diagnosis' in row]
    metric, first = next(iter(groups[0]['diagnosis']['metrics'].items()))
    rows = []
    for row in groups:
        found = row['diagnosis']['metrics'][metric]
        gains = [found['gain'][component] for component in found['share']]
        rows.append([str(row['group']), row['num_videos'], found['score'], *gains])
    columns = [Column(run['by']), Column('videos'), *map(Column, [metric, *first['share']])]
    title = f'{run["name"]}: gains of {metric} by {run["by"]}, corrected protocol, in percent'
    return ScoreTable(title, columns, rows, keys=2)


def _files(runs: Sequence[Result]) -> ScoreTable:
    """Videos and problems of each prediction."""
    rows: list[list[Cell]] = [
        ['videos scored', *(run['num_videos'] for run in runs)],
        ['videos left out', *(len(run['skipped']) for run in runs)],
        ['videos without prediction', *(len(run['unpredicted']) for run in runs)],
    ]
    kinds = sorted({kind for run in runs for kind in run['problem_counts']})
    rows += [[kind, *(run['problem_counts'].get(kind, 0) for run in runs)] for kind in kinds]
    columns = [Column('number of'), *(Column(run['name']) for run in runs)]
    return ScoreTable('Videos and problems of the files', columns, rows)


def _title(run: Result, text: str) -> str:
    parts = (text, f'{run["benchmark"]}, {run["protocol"]} protocol', unit_of(run))
    return ', '.join(part for part in parts if part)


def _scale(run: Result) -> float:
    return 100.0 if run['unit'] == 'fraction' else 1.0


def _spec(run: Result) -> str:
    return '.4f' if run['unit'] == 'number' else '.2f'


def _column(run: Result, name: str) -> Column:
    return Column(name, _spec(run))


def _scaled(run: Result, name: str) -> Any:
    """A score of a summary in the unit of the tables; counts and missing ones as they are."""
    value = run['summary'].get(name)
    return _scale(run) * value if isinstance(value, float) else value
