"""The report of gpu.py as tables in Markdown."""

from collections.abc import Iterable
from typing import Any

Record = dict[str, Any]
KINDS = ('outputs', 'predictions', 'losses', 'gradients')


def markdown(machine: Record, records: list[Record]) -> str:
    """Return the tables of all parts, and the errors."""
    facts = ', '.join(f'{name} {value}' for name, value in machine.items())
    parts = [f'Machine: {facts}', *_correctness(records), *_speed(records), *_waits(records)]
    errors = [record for record in records if 'error' in record]
    if errors:
        parts.append('## Errors')
    for record in errors:
        keys = ('part', 'model', 'precision', 'variant', 'step')
        title = ' '.join(str(record[key]) for key in keys if key in record)
        parts.append(f'{title}\n\n```\n{record["error"].strip()}\n```')
    return '\n\n'.join(parts) + '\n'


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = list(header)
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def _correctness(records: list[Record]) -> list[str]:
    found = [record for record in records if 'worst' in record]
    if not found:
        return []
    rows = []
    for record in found:
        worst = record['worst']
        sizes = [f'{worst[kind]["difference"]:.1e}' if kind in worst else '' for kind in KINDS]
        passed = 'yes' if record['passed'] else 'NO'
        rows.append([record['model'], record['precision'], *sizes, passed])
    lines = ['## Largest relative difference from float32 on the CPU']
    for record in {record['precision']: record for record in found}.values():
        limits = ', '.join(f'{kind} {limit:g}' for kind, limit in record['tolerance'].items())
        lines.append(f'Tolerance of {record["precision"]}: {limits}.')
    return [*lines, _table(['model', 'precision', *KINDS, 'within tolerance'], rows)]


def _speed(records: list[Record]) -> list[str]:
    found = [record for record in records if 'seconds' in record]
    if not found:
        return []
    eager = {(r['model'], r['step']): r['seconds'] for r in found if r['variant'] == 'eager'}
    rows = []
    for record in found:
        base = eager.get((record['model'], record['step']))
        memory = record['memory']
        rows.append(
            [
                record['model'],
                record['step'],
                record['variant'],
                f'{record["frames"] / record["seconds"]:,.1f}',
                f'{1000 * record["seconds"]:,.1f}',
                '' if base is None else f'{base / record["seconds"]:.2f}x',
                '' if memory is None else f'{memory:,.0f}',
                f'{record["first"]:.1f}',
            ]
        )
    header = ['model', 'step', 'variant', 'frames/s', 'ms', 'to eager', 'peak MB', 'first call s']
    return ['## Speed and memory', _table(header, rows)]


def _waits(records: list[Record]) -> list[str]:
    found = [record for record in records if 'places' in record]
    if not found:
        return []
    counts = [[r['model'], r['step'], str(r['count'])] for r in found]
    places: dict[str, list[str]] = {}
    for record in found:
        for place, count in record['places'].items():
            places.setdefault(place, []).append(f'{record["model"]} {record["step"]} {count}')
    lines = [f'- `{place}`: {", ".join(users)}' for place, users in sorted(places.items())]
    return [
        '## Waits for the GPU',
        _table(['model', 'step', 'waits'], counts),
        '\n'.join(lines) or 'None.',
    ]
