"""Read mutated files with every reader, and report the faults; exit status 1 if there are any.

A fault is an error that is neither ``ValueError`` nor ``OSError`` or does not name its file, a
crash, more than 1 GiB of memory, no end within 20 seconds of processor time, executed code, or
a PNG that is read otherwise than by Pillow. Input number n depends on the seed and n only:
``--first n --inputs 1`` repeats it, and ``--keep DIR`` writes it to a file.
"""

import argparse
import json
import os
import queue
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CPU_SECONDS, WALL_SECONDS = 20.0, 300.0
START_SECONDS = 1800.0  # imports on a busy machine


class Worker:
    """A process that reads inputs until it is stopped, crashes or hangs."""

    def __init__(self, seed: int, first: int, readers: list[str]) -> None:
        command = [sys.executable, '-m', 'tests.fuzz.worker', str(seed), str(first), *readers]
        environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        self.started = False
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._forward, daemon=True).start()

    def _forward(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put('')

    def next(self) -> dict[str, Any] | str:
        """The next report; or why there is none: a text."""
        begin, cpu = time.monotonic(), self._cpu()
        while True:
            try:
                line = self.lines.get(timeout=0.5)
            except queue.Empty:
                waited = time.monotonic() - begin
                hangs = self._cpu() - cpu > CPU_SECONDS or waited > WALL_SECONDS
                if hangs and (self.started or waited > START_SECONDS):
                    self.stop()
                    return 'no end'
                continue
            if not line:
                error = self.process.stderr.read() if self.process.stderr else ''
                return f'the process ended with {self.process.wait()} {error[-500:]}'
            report: dict[str, Any] = json.loads(line)
            self.started = True
            return report

    def _cpu(self) -> float:
        """Processor seconds of the process."""
        try:
            fields = Path(f'/proc/{self.process.pid}/stat').read_text().rsplit(')', 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def fuzz(
    seed: int, *, first: int = 0, inputs: int = sys.maxsize, seconds: float, readers: list[str]
) -> tuple[Counter[str], Counter[str], list[dict[str, Any]]]:
    """Read inputs until their number or the time is reached.

    Returns:
        Inputs tried and files read by reader, and the faults.
    """
    tried: Counter[str] = Counter()
    read: Counter[str] = Counter()
    faults: list[dict[str, Any]] = []
    end, number = float('inf'), first
    while number < first + inputs and time.monotonic() < end:
        worker, open_input = Worker(seed, number, readers), None
        while number < first + inputs and time.monotonic() < end:
            report = worker.next()
            if isinstance(report, str):  # the process is gone
                if open_input is None:
                    raise SystemExit(f'the worker did not start: {report}')
                tried[open_input['reader']] += 1
                faults.append({**open_input, 'fault': report})
                number = open_input['number'] + 1
                break
            end = min(end, time.monotonic() + seconds)  # counted from the first input on
            if 'ok' not in report:
                open_input = report
                continue
            tried[report['reader']] += 1
            read[report['reader']] += report['ok']
            if report['fault']:
                faults.append(report)
            number = report['number'] + 1
        worker.stop()
    return tried, read, faults


def keep(seed: int, number: int, readers: list[str], folder: Path) -> Path:
    """Write an input to a folder, beside the other files of its reader."""
    from tests.fuzz.mutation import mutate
    from tests.fuzz.readers import all_readers

    known = all_readers()
    names = readers or list(known)
    reader = known[names[number % len(names)]]
    rng = random.Random(f'{seed} {number}')
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in reader.seeds.items():
        (folder / name).write_bytes(content)
    name = rng.choice(list(reader.seeds))
    path = folder / name
    path.write_bytes(mutate(reader.seeds[name], path.suffix, rng))
    return path


def main() -> int:
    """Fuzz and print a table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=float, default=float('inf'), help='default: no limit')
    parser.add_argument('--inputs', type=int, default=sys.maxsize, help='default: no limit')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--first', type=int, default=0, help='number of the first input')
    parser.add_argument('--readers', nargs='+', default=[], help='default: all')
    parser.add_argument('--keep', type=Path, metavar='DIR', help='only write the first input')
    args = parser.parse_args()
    if args.keep:
        print(keep(args.seed, args.first, args.readers, args.keep))
        return 0
    tried, read, faults = fuzz(
        args.seed,
        first=args.first,
        inputs=args.inputs,
        seconds=args.seconds,
        readers=args.readers,
    )
    for name, count in sorted(tried.items()):
        bad = sum(fault['reader'] == name for fault in faults)
        print(f'{name:12s} {count:6d} inputs, {read[name]:6d} read, {bad} faults')
    for fault in faults:
        print(f'input {fault["number"]} ({fault["reader"]}, {fault.get("file")}): {fault["fault"]}')
    print(f'{tried.total()} inputs, {len(faults)} faults, seed {args.seed}')
    return int(bool(faults))


if __name__ == '__main__':
    sys.exit(main())
