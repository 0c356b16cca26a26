"""Recipes as text: values, and tables of several recipes side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

Style = Literal['plain', 'markdown', 'latex']
Line = tuple[str, list[str]]  # title and values; a line without values is the title of a section
_LARGE, _SMALL = 10_000, 1e-3
_MIN_WIDTH, _COLUMN_WIDTH = 100, 44  # characters
_TITLE_SHARE = 0.2  # of the width, for the names of the rows
_LATEX = {
    '\\': r'\textbackslash{}',
    '&': r'\&',
    '%': r'\%',
    '$': r'\$',
    '#': r'\#',
    '_': r'\_',
    '{': r'\{',
    '}': r'\}',
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
    '<': r'\textless{}',
    '>': r'\textgreater{}',
}


def format_value(value: Any) -> str:
    """A value of a recipe as text: ``ResizeClip: short side 360, rounding nearest``."""
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list | tuple):
        return ', '.join(map(_item, value))
    return _scalar(value)


def _item(value: Any) -> str:
    """An item of a list."""
    text = format_value(value)
    return f'({text})' if isinstance(value, Mapping) and 'type' not in value else text


def _mapping(value: Mapping[str, Any]) -> str:
    pairs = [(name, format_value(item)) for name, item in value.items() if name != 'type']
    separator = '; ' if any(', ' in text for _, text in pairs) else ', '
    parts = [f'{_words(name)}{":" if _is_step(name) else ""} {text}' for name, text in pairs]
    kind = value.get('type')
    if kind is None:
        return separator.join(parts)
    return f'{kind} ({separator.join(parts)})' if parts else str(kind)


def _is_step(name: Any) -> bool:
    """Whether a key is the number of an iteration or epoch."""
    return isinstance(name, int) or str(name).isdigit()


def _words(name: Any) -> str:
    return format_value(int(name)) if _is_step(name) else str(name).replace('_', ' ')


def row_title(row: str) -> str:
    """The name of a row for people: ``frame head: pixel decoder``."""
    return row.replace('_', ' ').replace('.', ': ')


def _scalar(value: Any) -> str:
    if value is None:
        return 'none'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, int):
        return f'{value:,}' if abs(value) >= _LARGE else str(value)
    if isinstance(value, float):
        text = f'{value:.6g}' if value == 0 or abs(value) >= _SMALL else f'{value:.5e}'
        number, _, exponent = text.partition('e')
        return f'{number.rstrip("0").rstrip(".")}e{int(exponent)}' if exponent else number
    return str(value)


def markdown_cell(text: str) -> str:
    """Text for a cell of a markdown table."""
    for character in ('\\', '|', '*', '<', '`', '_'):
        text = text.replace(character, f'\\{character}')
    return ' '.join(text.split())


def format_recipes(
    names: Sequence[str],
    recipes: Sequence[Mapping[str, Mapping[str, Any]]],
    *,
    style: Style = 'plain',
    only_differences: bool = False,
) -> str:
    """Recipes side by side, see :func:`avis.apis.recipe.compare_recipes`."""
    lines = list(_lines(recipes, only_differences=only_differences))
    writers = {'plain': _plain, 'markdown': _markdown, 'latex': _latex}
    return writers[style](list(names), lines)


def _lines(
    recipes: Sequence[Mapping[str, Mapping[str, Any]]], *, only_differences: bool
) -> Iterator[Line]:
    """The rows of all recipes by section, in the order in which they first appear."""
    for section in dict.fromkeys(section for recipe in recipes for section in recipe):
        parts = [recipe.get(section, {}) for recipe in recipes]
        rows = []
        for row in dict.fromkeys(row for part in parts for row in part):
            values = [format_value(part[row]) if row in part else '-' for part in parts]
            if not only_differences or len(set(values)) > 1:
                rows.append((row_title(row), values))
        if rows:
            yield section, []
            yield from rows


def _plain(names: list[str], lines: list[Line]) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    columns = len(names) + 1
    console = Console(width=max(_MIN_WIDTH, columns * _COLUMN_WIDTH), no_color=True)
    table = Table('', *names, box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for title, values in lines:
        if not values and table.row_count:
            table.add_row(*[''] * columns)
        table.add_row(title if values else title.upper(), *values)
    with console.capture() as capture:
        console.print(table, markup=False, highlight=False)
    return '\n'.join(line.rstrip() for line in capture.get().strip().splitlines()) + '\n'


def _markdown(names: list[str], lines: list[Line]) -> str:
    rows = [['', *names], ['---'] * (len(names) + 1)]
    for title, values in lines:
        cells = values or [''] * len(names)
        title = markdown_cell(title) if values else f'**{title}**'
        rows.append([title, *map(markdown_cell, cells)])
    rows[0] = list(map(markdown_cell, rows[0]))
    return ''.join(f'| {" | ".join(row)} |\n' for row in rows)


def _latex(names: list[str], lines: list[Line]) -> str:
    """A table that breaks across pages; cells wrap, so that any number of configs fits."""
    share = (1 - _TITLE_SHARE) / len(names)
    columns = [_latex_column(_TITLE_SHARE), *[_latex_column(share)] * len(names)]
    text = [
        '% \\usepackage{array, booktabs, longtable}',
        f'\\begin{{longtable}}{{{"".join(columns)}}}',
        '\\toprule',
        f' & {" & ".join(map(latex_cell, names))} \\\\',
        '\\midrule',
        '\\endhead',
    ]
    for title, values in lines:
        if values:
            text.append(f'{" & ".join(map(latex_cell, [title, *values]))} \\\\')
        else:
            span = f'\\multicolumn{{{len(columns)}}}{{l}}'
            text.append(f'{span}{{\\textbf{{{latex_cell(title)}}}}} \\\\')
    return '\n'.join([*text, '\\bottomrule', '\\end{longtable}', ''])


def _latex_column(share: float) -> str:
    """A column of wrapped text that takes a share of the line."""
    width = f'\\dimexpr {share:.3f}\\linewidth-2\\tabcolsep\\relax'
    return f'>{{\\raggedright\\arraybackslash}}p{{{width}}}'


def latex_cell(text: str) -> str:
    """Text for a cell of a LaTeX table; long names may break after ``_`` and ``/``."""
    escaped = ''.join(_LATEX.get(character, character) for character in text)
    for character in (r'\_', '/'):
        escaped = escaped.replace(character, f'{character}\\allowbreak{{}}')
    return ' '.join(escaped.split())
