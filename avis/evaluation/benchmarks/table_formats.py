"""Tables as Markdown, LaTeX and CSV. No line is cut and no digit is dropped."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from avis.evaluation.benchmarks.tables import Cell, Column, Estimate, ScoreTable

_LATEX = str.maketrans(
    {
        '\\': r'\textbackslash{}',
        '~': r'\textasciitilde{}',
        '^': r'\textasciicircum{}',
        **{char: f'\\{char}' for char in '&%$#_{}'},
    }
)


def to_markdown(tables: Sequence[ScoreTable]) -> str:
    """GitHub's tables, each below its title; intervals follow their score."""
    return '\n'.join(_markdown_table(table) for table in tables)


def to_latex(tables: Sequence[ScoreTable]) -> str:
    r"""A ``table`` environment per table, for the package ``booktabs``.

    >>> from avis.evaluation.benchmarks.tables import Column
    >>> table = ScoreTable('Scores, in percent', [Column('method'), Column('J&F')], [['a_b', 7.5]])
    >>> print(to_latex([table]))
    % \usepackage{booktabs}
    \begin{table}[t]
      \centering
      \caption{Scores, in percent}
      \begin{tabular}{lr}
        \toprule
        method & J\&F \\
        \midrule
        a\_b & 7.50 \\
        \bottomrule
      \end{tabular}
    \end{table}
    <BLANKLINE>
    """
    return '\n'.join(['% \\usepackage{booktabs}', *(_latex_table(table) for table in tables)])


def to_csv(tables: Sequence[ScoreTable]) -> str:
    """One line per cell with all digits: table, row, column, value, and ends of its interval.

    >>> from avis.evaluation.benchmarks.tables import Column
    >>> columns = [Column('method'), Column('HOTA')]
    >>> print(to_csv([ScoreTable('Scores', columns, [['ours', Estimate(7.125, 6.5, 8.25)]])]))
    table,row,column,value,low,high
    Scores,ours,HOTA,7.125,6.5,8.25
    <BLANKLINE>
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(('table', 'row', 'column', 'value', 'low', 'high'))
    for table in tables:
        for row in table.rows:
            for column, cell in zip(table.columns[1:], row[1:], strict=True):
                writer.writerow((table.title, row[0], column.name, *_values(cell)))
    return text.getvalue()


FORMATS: Mapping[str, Callable[[Sequence[ScoreTable]], str]] = MappingProxyType(
    {'markdown': to_markdown, 'latex': to_latex, 'csv': to_csv}
)


def _markdown_table(table: ScoreTable) -> str:
    def line(cells: Sequence[str]) -> str:
        return f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in cells)} |'

    rule = [':--' if n == 0 else '--:' for n in range(len(table.columns))]
    rows = [
        [' '.join(column.show(cell)) for column, cell in zip(table.columns, row, strict=True)]
        for row in table.rows
    ]
    head = [column.name for column in table.columns]
    return '\n'.join([f'**{table.title}**', '', line(head), line(rule), *map(line, rows), ''])


def _latex_table(table: ScoreTable) -> str:
    def line(cells: Sequence[str]) -> str:
        return f'    {" & ".join(cells)} \\\\'

    def cell(value: Cell, column: Column) -> str:
        texts = [text.translate(_LATEX) for text in column.show(value)]
        first, *interval = texts if isinstance(value, str) else map(_with_signs, texts)
        return ' '.join([first, *(f'{{\\scriptsize {text}}}' for text in interval)])

    lines = [
        '\\begin{table}[t]',
        '  \\centering',
        f'  \\caption{{{table.title.translate(_LATEX)}}}',
        f'  \\begin{{tabular}}{{l{"r" * (len(table.columns) - 1)}}}',
        '    \\toprule',
        line([column.name.translate(_LATEX) for column in table.columns]),
        '    \\midrule',
        *(line([*map(cell, row, table.columns)]) for row in table.rows),
        '    \\bottomrule',
        '  \\end{tabular}',
        '\\end{table}',
        '',
    ]
    return '\n'.join(lines)


def _with_signs(text: str) -> str:
    """A number, or two in brackets, with plus and minus signs instead of hyphens.

    >>> _with_signs('[-1.50, 0.20]'), _with_signs('-')
    ('[$-$1.50, 0.20]', '--')
    """
    return '--' if text == '-' else re.sub(r'[+-](?=\d)', r'$\g<0>$', text)


def _values(cell: Cell) -> tuple[Cell, Cell, Cell]:
    """Value and ends of the interval; empty where there is none, or it is undefined."""
    if isinstance(cell, Estimate):
        values: tuple[Cell, Cell, Cell] = (cell.value, cell.low, cell.high)
    elif isinstance(cell, tuple):
        values = (None, *cell)
    else:
        values = (cell, None, None)
    return tuple('' if value is None or value != value else value for value in values)  # type: ignore[return-value]
