"""Compare a model with recorded values: ``python -m tests.parity NAME GOLDEN_DIR --out FILE``.

``GOLDEN_DIR`` has the format of the goldens of a model: ``golden.npz`` and ``keys.json``, other
cases, seeds and sizes included. The weights are drawn from the names in ``keys.json``, converted,
and loaded into the model of the shipped config. The exit status is 1 if a value differs by more
than its tolerance, or nothing was compared.
"""

import argparse
import importlib
import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from tests.helpers.golden import load_golden
from tests.parity.comparison import Comparison

ROOT = Path(__file__).resolve().parents[2]

# Module of tests/parity with ``compare(name, golden, comparison)`` by the first word of a golden's
# name. A project has its own, tests/parity.py in its folder.
MODULES = {
    'asd': 'asd_pipeline',
    'avism': 'avism',
    'avsbench': 'avsbench',
    'light': 'asd',
    'lr': 'asd',
    'vggish': 'vggish',
}
PROJECTS = {
    path.parents[1].name.split('_')[0]: path for path in ROOT.glob('projects/*/tests/parity.py')
}
PROJECTS['acvsegformer'] = PROJECTS['avsegformer']  # a variant in the same project


def compare(name: str, folder: Path, keys: Path | None = None) -> Comparison:
    """Compare the model ``name`` with the golden in ``folder``."""
    golden = load_golden(folder.resolve(), keys)
    comparison = Comparison(golden)
    load_module(name.split('_')[0]).compare(name, golden, comparison)
    return comparison


def load_module(word: str) -> ModuleType:
    """The module that compares goldens whose names begin with ``word``."""
    if word in MODULES:
        return importlib.import_module(f'tests.parity.{MODULES[word]}')
    path = PROJECTS[word]
    sys.path.insert(0, str(path.parents[1]))  # the project, as PYTHONPATH does for its users
    spec = importlib.util.spec_from_file_location(f'{path.parents[1].name}_parity', path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Compare, write the differences and print the values that differ."""
    words = sorted(MODULES | PROJECTS)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('name', help=f'name of a golden; begins with {", ".join(words)}')
    parser.add_argument('folder', type=Path, metavar='GOLDEN_DIR')
    parser.add_argument('--keys', type=Path, metavar='KEYS_JSON', help='default: in GOLDEN_DIR')
    parser.add_argument('--out', type=Path, required=True, metavar='RESULT.json')
    args = parser.parse_args()
    if args.name.split('_')[0] not in words:
        parser.error(f'{args.name}: expected a name that begins with {", ".join(words)}')
    if not args.folder.is_dir():
        parser.error(f'{args.folder} is not a folder')
    result = compare(args.name, args.folder, args.keys)
    missing = dict.fromkeys(result.missing(), 'not compared by this runner')
    report = {
        'entries': [{**asdict(entry), 'ok': entry.ok} for entry in result.entries],
        'not_compared': result.skipped | missing,
    }
    args.out.write_text(json.dumps(report, indent=1) + '\n')
    for entry in result.wrong():
        print(f'{entry.name}: {entry.difference:.3g} > {entry.tolerance:.3g}')
    for name, reason in report['not_compared'].items():
        print(f'{name}: {reason}')
    print(f'{len(result.entries)} values compared, {len(result.wrong())} differ')
    return int(bool(result.wrong()) or not result.entries)


if __name__ == '__main__':
    sys.exit(main())
