"""Compare models on a GPU with the CPU, and measure their speed and memory, in one command.

Nothing is downloaded: weights are random and clips are noise, both with seeds. Parts, in order:

- `correctness`: raw outputs, predictions, losses and gradients, in float32 without TF32 and in
  autocast to bfloat16, against float32 on the CPU; the tolerances are in gpu_checks.py;
- `synchronizations`: where a training step and a predicted clip wait for the GPU;
- `speed`: frames per second and peak memory of inference and of a training step: as configured, the
  published computation (published_*.py), autocast to bfloat16, channels last, TF32;
- `compiled`: the same with the networks compiled by torch.compile.

Every check is a process of its own that ends after `--limit` seconds: one failure is recorded and
the others go on. Results are written after each, so that an interrupted run keeps what it has.

    python benchmarks/gpu.py                                  # at most 8 minutes
    python benchmarks/gpu.py --parts correctness --only tpavi_r50 avism_r50 --minutes 2
    python benchmarks/gpu.py --small --device cpu             # a test of this script
    python benchmarks/gpu.py --small --device simulated --parts correctness synchronizations
        # without a GPU: finds tensors on the wrong device, and counts synchronizations
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

# Otherwise torch.cuda.is_available() alone keeps forked processes from starting CUDA.
os.environ['PYTORCH_NVML_BASED_CUDA_CHECK'] = '1'

import torch
from gpu_checks import check_correctness, count_synchronizations
from gpu_models import ENTRIES, config_path
from gpu_report import markdown
from gpu_speed import measure_variants

from avis.apis import load_config
from tests.helpers import simulated_device

PARTS = {
    'correctness': check_correctness,
    'synchronizations': count_synchronizations,
    'speed': measure_variants,
    'compiled': partial(measure_variants, variants=('compiled',)),
}
ALONE = ('speed', 'compiled')  # nothing else may run when times are measured
Record = dict[str, Any]


@dataclass
class Running:
    """A check that runs in a process of its own.

    Attributes:
        part: Key of ``PARTS``.
        model: Key of ``ENTRIES``.
        process: The process.
        reader: Receives its records.
        limit: Seconds after which it is ended.
        began: When it was started.
    """

    part: str
    model: str
    process: Any
    reader: Connection
    limit: float
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, part: str, model: str, args: argparse.Namespace, threads: int) -> 'Running':
        """Start it: a fork, which does not import everything again."""
        context = multiprocessing.get_context('fork')
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(part, model, args, threads, writer))
        process.start()
        writer.close()
        return cls(part, model, process, reader, args.limit)

    def records(self) -> Iterator[Record]:
        """Yield what it has sent, and once it has ended without success, a record of that."""
        ended = False
        try:
            while self.reader.poll():
                yield self.reader.recv()
        except EOFError:
            ended = True
        late = not ended and time.monotonic() > self.began + self.limit
        if late:
            self.process.kill()
        if late or ended:
            self.process.join()
            self.reader.close()
            if late or self.process.exitcode:
                reason = f'exit code {self.process.exitcode}'
                if late:
                    reason = f'took longer than {self.limit:g} s'
                yield {'part': self.part, 'model': self.model, 'error': reason}


def _work(
    part: str, model: str, args: argparse.Namespace, threads: int, writer: Connection
) -> None:
    """Run one check in this process."""
    torch.set_num_threads(threads)
    simulated = args.device == simulated_device.NAME
    try:
        with simulated_device.simulated_device() if simulated else contextlib.nullcontext():
            PARTS[part](model, ENTRIES[model], args.device, args.small, writer.send)
    except Exception:
        writer.send({'part': part, 'model': model, 'error': traceback.format_exc()})


def run_checks(args: argparse.Namespace, start: float) -> Iterator[Record]:
    """Run all checks, several at a time where no times are measured, and yield their records."""
    todo = [(part, model) for part in args.parts for model in args.only]
    running: list[Running] = []
    end = start + 60 * args.minutes
    while todo or running:
        while todo and len(running) < (1 if _alone(todo, running) else args.jobs):
            part, model = todo.pop(0)
            if time.monotonic() > end:
                yield {'part': part, 'model': model, 'error': 'no time was left'}
                continue
            threads = max((os.cpu_count() or 1) // (1 if part in ALONE else args.jobs), 1)
            running.append(Running.start(part, model, args, threads))
        wait([check.reader for check in running], timeout=1)
        for check in running:
            yield from check.records()
        running = [check for check in running if not check.reader.closed]


def _alone(todo: list[tuple[str, str]], running: list[Running]) -> bool:
    return todo[0][0] in ALONE or any(check.part in ALONE for check in running)


def describe(args: argparse.Namespace) -> Record:
    """Return versions and device, without starting CUDA in this process."""
    return {
        'device': args.device,
        'small': args.small,
        'torch': torch.__version__,
        'python': platform.python_version(),
        'cores': os.cpu_count(),
    }


def write(folder: Path, machine: Record, records: list[Record]) -> None:
    """Write gpu.json and gpu.md."""
    content = json.dumps({'machine': machine, 'records': records}, indent=1)
    for name, text in (('gpu.json', content), ('gpu.md', markdown(machine, records))):
        temporary = folder / f'{name}.tmp'
        temporary.write_text(text)
        temporary.replace(folder / name)


def main(arguments: list[str] | None = None) -> list[Record]:
    """Run the checks, print the report, and return the records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=list(PARTS))
    parser.add_argument('--only', nargs='+', choices=ENTRIES, default=list(ENTRIES), help='models')
    parser.add_argument('--device', default='cuda', choices=('cuda', 'cpu', simulated_device.NAME))
    parser.add_argument('--small', action='store_true', help='small configs and tiny clips')
    parser.add_argument('--minutes', type=float, default=8, help='start nothing after this')
    parser.add_argument('--limit', type=float, default=90, help='seconds of one check')
    parser.add_argument('--jobs', type=int, default=4, help='checks at a time')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/gpu'), help='folder')
    args = parser.parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    for model in args.only:  # import their modules once, before processes are forked
        load_config(config_path(ENTRIES[model], args.small))
    records: list[Record] = []
    machine = describe(args)
    for record in run_checks(args, start):
        records.append(record)
        machine['minutes'] = round((time.monotonic() - start) / 60, 2)
        write(args.out, machine, records)
        print(f'{time.monotonic() - start:6.1f} s', _line(record), flush=True)
    print((args.out / 'gpu.md').read_text())
    return records


def _line(record: Record) -> str:
    keys = ('part', 'model', 'precision', 'variant', 'step', 'passed', 'seconds', 'count')
    words = [str(record[key]) for key in keys if key in record]
    return ' '.join(words + record.get('error', '').strip().split('\n')[-1:])


if __name__ == '__main__':
    sys.exit(any('error' in record or record.get('passed') is False for record in main()))
