"""Compare recipes with recorded values: ``python -m tests.recipes SET DIR --out RESULT.json``.

``SET`` is ``avsbench`` or ``avism``; ``DIR`` has the format of its goldens, other seeds and cases
included. Files that DIR does not contain are not compared. The exit status is 1 if any value
differs by more than its tolerance or nothing was compared.
"""

import argparse
import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.helpers.entries import Entry

PARTS = {
    'avsbench': ('avsbench',),
    'avism': ('avism_training', 'avism_data'),
}


def compare(name: str, folder: Path) -> list[Entry]:
    """All values of a set of goldens that ``folder`` contains."""
    modules = [importlib.import_module(f'tests.recipes.{part}') for part in PARTS[name]]
    return [entry for module in modules for entry in module.compare(folder)]


def main() -> int:
    """Compare, write the differences and print the values that differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('set', choices=sorted(PARTS))
    parser.add_argument('folder', type=Path, metavar='DIR')
    parser.add_argument('--out', type=Path, required=True, metavar='RESULT.json')
    args = parser.parse_args()
    if not args.folder.is_dir():
        parser.error(f'{args.folder} is not a folder')
    entries = compare(args.set, args.folder)
    args.out.write_text(
        json.dumps([{**asdict(entry), 'ok': entry.ok} for entry in entries], indent=1) + '\n'
    )
    wrong = [entry for entry in entries if not entry.ok]
    for entry in wrong:
        print(f'{entry.name}: {entry.difference:.3g} > {entry.tolerance:.3g}')
    print(f'{len(entries)} values compared, {len(wrong)} differ')
    return int(bool(wrong) or not entries)


if __name__ == '__main__':
    sys.exit(main())
