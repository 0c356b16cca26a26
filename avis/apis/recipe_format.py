"""Recipes as text: values, and tables of several recipes side by side."""

from collections.abc import Mapping
from typing import Any

_LARGE, _SMALL = 10_000, 1e-3
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
        separator = '; ' if any(isinstance(item, Mapping) for item in value) else ', '
        return separator.join(map(format_value, value))
    return _scalar(value)


def _mapping(value: Mapping[str, Any]) -> str:
    pairs = [(name, format_value(item)) for name, item in value.items() if name != 'type']
    separator = '; ' if any(',' in text for _, text in pairs) else ', '
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
