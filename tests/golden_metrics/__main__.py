"""Score recorded inputs: ``python -m tests.golden_metrics SET DIR --out RESULT.json``.

``DIR`` has the format of the set: its input files and ``expected.json``. What avis computes is
written under the keys of ``expected.json``; differences are printed, and the exit status is 1 if
there is one.
"""

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.golden_metrics.comparison import Result, compare, plain

_OTHERS = {'__init__', '__main__', 'comparison'}
SETS = sorted(path.stem for path in Path(__file__).parent.glob('*.py') if path.stem not in _OTHERS)


def run(name: str, folder: Path) -> tuple[dict[str, Any], Result]:
    """What avis computes for the files of a set, and how it compares with what is recorded."""
    module = importlib.import_module(f'tests.golden_metrics.{name}')
    with tempfile.TemporaryDirectory() as work:
        got: dict[str, Any] = plain(module.compute(folder, Path(work)))
    return got, compare(got, module.expected(folder), module.TOLERANCES, module.SKIPPED)


def main() -> int:
    """Compute, compare, write and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('set', choices=SETS)
    parser.add_argument('folder', type=Path, metavar='DIR')
    parser.add_argument('--out', type=Path, required=True, metavar='RESULT.json')
    args = parser.parse_args()
    if not args.folder.is_dir():
        parser.error(f'{args.folder} is not a folder')
    got, result = run(args.set, args.folder)
    args.out.write_text(json.dumps(got, indent=1) + '\n')
    for line in result.wrong:
        print(line)
    for path in result.missing:
        print(f'{path}: not computed')
    for reason, count in result.skipped.items():
        print(f'{count} skipped: {reason}')
    print(f'{result.compared} values compared, {len(result.wrong)} differ')
    return int(bool(result.wrong or result.missing) or not result.compared)


if __name__ == '__main__':
    sys.exit(main())
