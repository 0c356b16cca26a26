"""Time how long commands take before they start to work.

Each command runs in a process of its own. Processor time of all threads is compared, because other
load of the machine must not count; the wall-clock time to the first line of output is printed, too.
Another checkout of avis can be measured in the same run, alternating with this one.

    python benchmarks/startup.py
    python benchmarks/startup.py --baseline /path/to/another/checkout --repeats 5
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIG = 'configs/avis/demo_avism_synthetic.py'
BUILD = f"from avis.apis import init_model; init_model({CONFIG!r}); print('built')"
COMMANDS = {
    'import torch': ('-c', "import torch; print('imported')"),
    'avis --help': ('-m', 'avis', '--help'),
    'avis train --help': ('-m', 'avis', 'train', '--help'),
    'avis models': ('-m', 'avis', 'models'),
    'import avis.apis': ('-c', "import avis.apis; print('imported')"),
    'tools/infer.py --help': ('tools/infer.py', '--help'),
    'tools/infer.py, a missing video': ('tools/infer.py', CONFIG, 'none', 'missing', '--out', 'x'),
    'build the demo model': ('-c', BUILD),
}


def main() -> None:
    """Run every command and print its seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--baseline', type=Path, metavar='DIR', help='another checkout of avis')
    parser.add_argument('--repeats', type=int, default=3, help='the median counts (3)')
    args = parser.parse_args()
    checkouts = {'this checkout': ROOT}
    if args.baseline is not None:
        checkouts['baseline'] = args.baseline.resolve()
    for name, command in COMMANDS.items():
        runs: dict[str, list[tuple[float, float]]] = {label: [] for label in checkouts}
        for _ in range(args.repeats):
            for label, folder in checkouts.items():
                runs[label].append(run(command, folder))
        for label, measured in runs.items():
            cpu, first = (statistics.median(column) for column in zip(*measured, strict=True))
            print(
                f'{name:32} {label:14} {cpu:6.2f} s processor time, first line after '
                f'{first:5.2f} s',
                flush=True,
            )


def run(command: tuple[str, ...], folder: Path) -> tuple[float, float]:
    """Seconds of processor time, and of the wall clock to the first line of output."""
    environment = {**os.environ, 'PYTHONPATH': str(folder), 'OMP_NUM_THREADS': '1'}
    before, start = processor_seconds(), time.perf_counter()
    with subprocess.Popen(
        [sys.executable, '-u', *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        first = time.perf_counter() - start
        process.stdout.read()
    return processor_seconds() - before, first


def processor_seconds() -> float:
    """Of all child processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == '__main__':
    main()
