"""Published recipes as tables, and how the recipe of a config compares with them.

A table is a YAML file: which configs it describes, and for each row of their recipes the published
value with its source. Where a config deviates, the entry also states the value here, the reason,
the effect, and the words by which the docstring of the config names it. The format is described in
tests/data/recipes/README.md.

``python -m tests.helpers.recipe_tables`` writes the tables into the READMEs of the methods.
"""

import fnmatch
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from avis.apis.recipe import ConfigRecipe
from avis.apis.recipe_format import format_value, markdown_cell, row_title

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = '<!-- recipe table: begin -->\n', '<!-- recipe table: end -->\n'
# A published value that no source states; every value equals it.
NOT_STATED = 'not stated'
_DEVIATION = ('here', 'reason', 'effect', 'named')
_KEYS = {'configs', 'published', 'source', *_DEVIATION}


@dataclass(frozen=True)
class PublishedValue:
    """A published value.

    Attributes:
        section: Section of the recipe, see :data:`avis.apis.recipe.SECTIONS`.
        row: Row of the section.
        configs: Names of the configs, with wildcards, separated by blanks.
        published: Value; of a component, the arguments that are compared.
        source: Paper, or file and line of the official code.
        deviation: ``here``, ``reason``, ``effect`` and ``named``; empty if the recipe is published.
    """

    section: str
    row: str
    configs: str
    published: Any
    source: str
    deviation: Mapping[str, Any]

    def describes(self, config: str) -> bool:
        """Whether the entry belongs to a config."""
        return matches_name(self.configs, config)

    @property
    def expected(self) -> Any:
        """The value that a config has: the published one, or the declared deviation."""
        return self.deviation.get('here', self.published)


def matches_name(patterns: str, config: str) -> bool:
    """Whether a config is named by patterns with wildcards, separated by blanks."""
    return any(fnmatch.fnmatchcase(config, pattern) for pattern in patterns.split())


def load_table(path: str | Path) -> dict[str, Any]:
    """Read a table; its ``rows`` become a list of :class:`PublishedValue`.

    Raises:
        ValueError: An entry has an unknown key, lacks a source, or declares a deviation in part.
    """
    table = yaml.safe_load(Path(path).read_text())
    table['rows'] = [
        _entry(path, section, row, entry)
        for section, rows in table['rows'].items()
        for row, entries in rows.items()
        for entry in (entries if isinstance(entries, list) else [entries])
    ]
    return table


def _entry(path: str | Path, section: str, row: str, entry: Mapping[str, Any]) -> PublishedValue:
    deviation = {key: entry[key] for key in _DEVIATION if key in entry}
    unknown = set(entry) - _KEYS
    missing = {'published', 'source'} - set(entry)
    if deviation:
        missing |= set(_DEVIATION) - set(deviation)
    if unknown or missing:
        raise ValueError(
            f'{path}: {section}, {row}: unknown keys {sorted(unknown)}, '
            f'missing keys {sorted(missing)}'
        )
    configs, published = entry.get('configs', '*'), entry['published']
    return PublishedValue(section, row, configs, published, entry['source'], deviation)


def equal(published: Any, value: Any) -> bool:
    """Whether a value is the published one.

    Of a dict, the published keys are compared. Numbers may differ by rounding.
    """
    if published == NOT_STATED:
        return True
    if isinstance(published, Mapping):
        return isinstance(value, Mapping) and all(
            key in value and equal(item, value[key]) for key, item in published.items()
        )
    if isinstance(published, list):
        same_length = isinstance(value, list) and len(value) == len(published)
        return same_length and all(map(equal, published, value))
    numbers = (int, float)
    if isinstance(published, numbers) and isinstance(value, numbers):
        return math.isclose(published, value, rel_tol=1e-9)
    return bool(published == value)


def differences(table: Mapping[str, Any], config: str, recipe: ConfigRecipe) -> Iterator[str]:
    """Compare the recipe of a config with a table.

    Yields:
        A line per row whose value is neither the published one nor the declared deviation, whose
        deviation is outdated, or which the table lacks or has twice.
    """
    entries = [entry for entry in table['rows'] if entry.describes(config)]
    for section, rows in recipe.items():
        for row, value in rows.items():
            where = f'{config}: {section}, {row}'
            found = [entry for entry in entries if (entry.section, entry.row) == (section, row)]
            if len(found) != 1:
                yield f'{where}: {len(found)} entries, expected 1 for {value!r}'
            elif not equal(found[0].expected, value):
                yield f'{where}: expected {found[0].expected!r}, got {value!r}'
            elif found[0].deviation and equal(found[0].published, value):
                yield f'{where}: as published, remove the deviation'
    for entry in entries:
        if entry.row not in recipe.get(entry.section, {}):
            yield f'{config}: {entry.section}, {entry.row}: not in the recipe'


def load_tables() -> dict[str, dict[str, Any]]:
    """All tables by the names of their files, those of projects by the names of their folders."""
    tables = {p.stem: load_table(p) for p in sorted((ROOT / 'tests/data/recipes').glob('*.yml'))}
    projects = sorted((ROOT / 'projects').glob('*/recipe.yml'))
    return tables | {path.parent.name: load_table(path) for path in projects}


def with_table(readme: str, table: Mapping[str, Any]) -> str:
    """The text of a README with its table replaced by the current one."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f'{before}{BEGIN}{markdown_table(table)}{END}{after}'


def main() -> None:
    """Write the tables of all methods."""
    for table in load_tables().values():
        path = ROOT / table['readme']
        path.write_text(with_table(path.read_text(), table))


def markdown_table(table: Mapping[str, Any]) -> str:
    """The table as markdown: published and here, by section, with sources."""
    sections: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for value in table['rows']:
        entry = {'configs': value.configs, 'published': value.published, 'source': value.source}
        sections.setdefault(value.section, []).append((value.row, {**entry, **value.deviation}))
    for section in ('initialization', 'behavior'):
        if section in table:
            sections[section] = [
                (entry['name'], {**entry, 'published': _distribution(entry['published'])})
                for entry in table[section]
            ]
    lines = ['| setting | configs | published | here | source |', '|---|---|---|---|---|']
    for section, entries in sections.items():
        lines.append(f'| **{section}** | | | | |')
        previous = None
        for row, entry in entries:
            lines.append(_line('' if row == previous else row_title(row), entry))
            previous = row
    return '\n'.join([table['sources'].strip(), '', *lines, ''])


def _line(title: str, entry: Mapping[str, Any]) -> str:
    """One line of the markdown table."""
    here = '' if entry['published'] == NOT_STATED else 'same'
    if 'here' in entry:
        here = f'{format_value(entry["here"])}: {entry["reason"]}; effect: {entry["effect"]}'
    published = format_value(entry['published'])
    cells = (title, _config_names(entry.get('configs', '*')), published, here, entry['source'])
    return f'| {" | ".join(map(markdown_cell, cells))} |'


def _distribution(published: Any) -> Any:
    """A distribution in words; other values as they are."""
    if not isinstance(published, Mapping):
        return published
    kind = published['distribution'].replace('_', ' ').replace('default', 'default of PyTorch')
    details = [f'{key} {format_value(item)}' for key, item in published.items()][1:]
    return ', '.join([kind, *details])


def _config_names(patterns: str) -> str:
    """Patterns for readers: ``*_r50_s4 *_ms3*`` as ``r50 s4, ms3``."""
    if patterns == '*':
        return 'all'
    return ', '.join(
        ' '.join(name.replace('*', ' ').split('_')).strip() for name in patterns.split()
    )


if __name__ == '__main__':
    main()
