"""Kill tools at random moments, run them again, and compare with runs that were not disturbed.

A killed run is started again with the same command, up to five times; then it may end, and its
files are compared. Half of the kills come right before a random file operation, half after a
random time. The exit status is 1 if anything differs.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.warm_python import ROOT, run_warm
from tests.kills.comparison import differences
from tests.kills.tools import TOOLS, Tool

_KILLS_IN_FOLDER = 5


@dataclass
class Killed:
    """What became of a tool.

    Attributes:
        kills: Kills by kind of moment: operation, seconds.
        comparisons: Number of folders that were compared.
        faults: What differed, or how a run ended that was not killed.
    """

    kills: dict[str, int] = field(default_factory=lambda: {'operation': 0, 'seconds': 0})
    comparisons: int = 0
    faults: list[str] = field(default_factory=list)


def kill_tool(tool: Tool, folder: Path, *, kills: int, seed: int, kinds: tuple[str, ...]) -> Killed:
    """Kill a tool until a number of kills is reached, and compare its files after every fifth.

    Args:
        tool: The tool.
        folder: Empty folder for inputs and results.
        kills: Number of kills.
        seed: Of the moments.
        kinds: Kinds of moments, of 'operation' and 'seconds', in turn.
    """
    rng, result = random.Random(seed), Killed()
    (folder / 'inputs').mkdir()
    tool.prepare(folder / 'inputs')
    undisturbed = folder / 'undisturbed'
    for run_folder in (undisturbed, folder / 'again'):  # the first one fills caches of Python
        status, text, duration = _run(tool, run_folder)
        if status:
            raise SystemExit(f'avis {tool.words} ended with {status}: {text}')
    operations = int(text.rsplit('operations ', 1)[1].split()[0])
    result.faults += differences(undisturbed, run_folder, tool.ignored)
    while sum(result.kills.values()) < kills and not result.faults:
        run_folder = folder / 'killed'
        missing = kills - sum(result.kills.values())
        for _ in range(min(_KILLS_IN_FOLDER, missing)):
            kind = kinds[sum(result.kills.values()) % len(kinds)]
            moment = (
                {'operation': rng.randint(1, operations)}
                if kind == 'operation'
                else {'seconds': rng.uniform(0, duration)}
            )
            status, text, _ = _run(tool, run_folder, **moment)
            if status != -signal.SIGKILL:
                break
            result.kills[kind] += 1
        if status == -signal.SIGKILL:
            status, text, _ = _run(tool, run_folder)
        if status:
            result.faults.append(f'ended with {status}: {text[-2000:]}')
        result.faults += differences(undisturbed, run_folder, tool.ignored)
        result.comparisons += 1
        shutil.rmtree(run_folder)
    return result


def _run(
    tool: Tool, folder: Path, *, operation: int | None = None, seconds: float | None = None
) -> tuple[int, str, float]:
    """Run a tool in a folder; returns status, what it printed, and seconds."""
    folder.mkdir(exist_ok=True)
    code = (
        f'from tests.kills.child import run; '
        f'run({tool.words.split()!r}, operation={operation}, seconds={seconds})'
    )
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    begin = time.monotonic()
    done = run_warm(['-c', code], folder, environment)
    return done.returncode, done.stdout + done.stderr, time.monotonic() - begin


def main() -> int:
    """Kill the tools and print a line for each; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=50, help='of each tool (50)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--tools', nargs='+', choices=TOOLS, default=list(TOOLS), metavar='TOOL')
    args = parser.parse_args()
    failed = False
    for name in args.tools:
        with tempfile.TemporaryDirectory() as folder:
            result = kill_tool(
                TOOLS[name],
                Path(folder),
                kills=args.kills,
                seed=args.seed,
                kinds=('operation', 'seconds'),
            )
        operation, seconds = result.kills.values()
        print(
            f'{name:15s} {operation} kills at file operations, {seconds} at random times, '
            f'{result.comparisons} comparisons, {len(result.faults)} faults'
        )
        print(*(f'  {fault}\n' for fault in result.faults), sep='', end='', flush=True)
        failed |= bool(result.faults)
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())
