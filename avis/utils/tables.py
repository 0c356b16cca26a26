"""Read csv files."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from avis.utils.text_files import looks_like


def read_rows(path: str | Path) -> list[list[str]]:
    """Read all rows of a csv, the header included; blank lines are empty rows.

    Raises:
        ValueError: The file is no csv; the message says what it looks like.
    """
    path = Path(path)
    with path.open('rb') as binary:
        kind = looks_like(binary.read(4096))
    if kind is not None:
        raise ValueError(f'{path}: expected a csv, got {kind}.')
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            return list(csv.reader(file, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f'{path}: expected a csv, got {error}. Fetch it again.') from error


def read_table(path: str | Path, columns: Sequence[str], *, by_name: bool) -> list[dict[str, str]]:
    """Read some columns of a csv with a header line.

    Args:
        path: The csv.
        columns: Names of the columns.
        by_name: True: find the columns by their names in the header. False: take the first
            columns, whatever their names in the header.

    Raises:
        ValueError: A column is missing, a row ends early, or the file is no csv; with the row.
    """
    lines = read_rows(path)
    header = [name.strip() for name in lines[0]] if lines else []
    missing = [name for name in columns if name not in header] if by_name else []
    if missing or len(header) < len(columns):
        raise ValueError(
            f'{path}: expected the columns {list(columns)}, got {header}. Fetch it again.'
        )
    positions = [header.index(name) if by_name else n for n, name in enumerate(columns)]
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        if len(line) <= max(positions) or not all(line[n].strip() for n in positions):
            raise ValueError(
                f'{path}: line {number} ends early or is empty in {list(columns)}: {line}. Fetch '
                f'it again.'
            )
        cells = zip(columns, positions, strict=True)
        rows.append({name: line[position].strip() for name, position in cells})
    return rows


def number_repeats(names: Iterable[str]) -> list[str]:
    """Append ``~2``, ``~3`` and so on to a name that occurred before.

    >>> number_repeats(['a', 'b', 'a'])
    ['a', 'b', 'a~2']
    """
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(name if seen[name] == 1 else f'{name}~{seen[name]}')
    return numbered
