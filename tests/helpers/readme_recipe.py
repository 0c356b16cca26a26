"""The recipe table in the README of a project, compared with its configs.

Rows have five cells: configs (names with wildcards), setting (dotted key), published value, value
here, source. The value here is a Python literal, the name of a class, or ``same``. ``unknown`` is
published where no source states the value.
"""

import ast
import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config.lazy import LazyObject

from avis.apis import load_config

HEADER = '| configs | setting | published | here | source |'


class RecipeRow(NamedTuple):
    """One row: names of configs with wildcards, dotted key, values as written, source."""

    configs: str
    setting: str
    published: str
    here: str
    source: str


def read_rows(readme: Path) -> list[RecipeRow]:
    """Return the rows of the recipe table of a README."""
    lines = readme.read_text().splitlines()
    start = lines.index(HEADER) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith('|'):
            break
        rows.append(
            RecipeRow(
                *(cell.strip().strip('`').replace('\\', '') for cell in line[1:-1].split('|'))
            )
        )
    return rows


def differences(project: Path) -> Iterator[str]:
    """Yield the rows that a config of a project contradicts, or that no config has."""
    configs = {path.stem: load_config(path) for path in sorted((project / 'configs').glob('*.py'))}
    for row in read_rows(project / 'README.md'):
        names = [name for name in configs if fnmatch.fnmatchcase(name, row.configs)]
        if not names or not row.source:
            yield f'{row}: no config, or no source'
        expected = row.published if row.here == 'same' else row.here
        if row.here == row.published:
            yield f'{row}: write "same"'
        for name in names:
            value = _plain(_lookup(configs[name], row.setting))
            if value != _literal(expected):
                yield f'{name}: {row.setting} is {value!r}, the table says {expected}'


def _lookup(config: Any, key: str) -> Any:
    for part in key.split('.'):
        config = config[int(part)] if part.isdigit() else config.get(part)
    return config


def _plain(value: Any) -> Any:
    """Return a class by its name, and sequences as lists."""
    if isinstance(value, type | LazyObject):
        return getattr(value, '__name__', None) or str(value).rsplit('.', 1)[-1].rstrip("'>")
    return list(value) if isinstance(value, tuple) else value


def _literal(text: str) -> Any:
    try:
        return _plain(ast.literal_eval(text.strip('`')))
    except (ValueError, SyntaxError):
        return text.strip('`')
