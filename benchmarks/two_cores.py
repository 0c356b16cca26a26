"""Time steps of models and whole commands, beside those of another checkout.

Each workload runs in a process of its own, in turn in both checkouts. Seconds of processor time
count, the best of the repeats.

- A step of a model runs twice on one core: first its operations are counted, then it is timed.
  Products of large matrices, timed in the same process, give the highest speed of the core.
- `speakers` is `avis infer avtracker_offline` on a video of 30 seconds of synthetic people who
  talk, `evaluation` is `avis evaluate` on 1,000 videos of the layout of AVTrack with two workers.

    python benchmarks/two_cores.py
    python benchmarks/two_cores.py --before /path/to/another/checkout --workloads demo_training
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from startup import processor_seconds

ROOT = Path(__file__).resolve().parents[1]
MATRIX, PRODUCTS = 1536, 4  # size and number of the products


@dataclass(frozen=True)
class Workload:
    """A step of a model of ``gpu_models``; ``steps`` are timed together."""

    model: str
    frames: int
    clips: int = 1
    size: tuple[int, int] = (96, 160)
    training: bool = True
    small: bool = False
    steps: int = 1


WORKLOADS = {
    'demo_training': Workload('avism_r50', 4, clips=4, size=(64, 128), small=True, steps=4),
    'tpavi_training': Workload('tpavi_r50', 5, size=(224, 224)),
    'avism_training': Workload('avism_r50', 5),
    'avism_inference': Workload('avism_r50', 60, training=False),
}


def make_talk(folder: Path) -> list[str]:
    """Make a video with challenges; returns the words that find its speakers."""
    from avis.synthetic.generator import make_dataset

    options = {'seconds': 30, 'size': (180, 320), 'identities': 6, 'video_fps': 25}
    make_dataset(layout='avtrack', out=folder / 'data', videos=1, with_mp4=True, **options)
    (video,) = (folder / 'data').rglob('*.mp4')
    tracker = ('model.cache_dir=None', 'model.record_dir=None', 'model.on_error=raise')
    command = ['infer', 'avtracker_offline', str(video), '--out', str(folder / 'out')]
    return [*command, '--cfg-options', *tracker]


def make_annotations(folder: Path) -> list[str]:
    """Make ground truth and predictions of AVTrack; returns the words that score them."""
    from evaluation_data import write_avtrack

    write_avtrack(folder, videos=1000, frames=20, size=(90, 160))
    command = ['evaluate', 'avtrack', '--gt', str(folder / 'gt'), '--pred', str(folder / 'pred')]
    return [*command, '--workers', '2', '--out', str(folder / 'out')]


COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    'speakers': make_talk,
    'evaluation': make_annotations,
}


def main() -> None:
    """Run all workloads in both checkouts and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--before', type=Path, metavar='DIR', help='another checkout of avis')
    known = (*WORKLOADS, *COMMANDS)
    parser.add_argument('--workloads', nargs='+', choices=known, default=list(known))
    parser.add_argument('--repeats', type=int, default=2)
    parser.add_argument('--measure', help=argparse.SUPPRESS)  # one workload in this process
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(WORKLOADS[args.measure])))
        return
    checkouts = [ROOT] if args.before is None else [args.before.resolve(), ROOT]
    for name in args.workloads:
        with tempfile.TemporaryDirectory() as folder:
            words = COMMANDS[name](Path(folder)) if name in COMMANDS else []
            runs: dict[Path, list[dict[str, float]]] = {checkout: [] for checkout in checkouts}
            for _ in range(args.repeats):
                for checkout, found in runs.items():
                    found.append(
                        measure_command(words, checkout, Path(folder) / 'out')
                        if words
                        else measure_in_process(name, checkout)
                    )
        best = [min(found, key=lambda run: run['seconds']) for found in runs.values()]
        print(f'{name}: {" / ".join(map(describe, best))}', flush=True)
        if len(best) > 1:
            print(f'    {best[0]["seconds"] / best[1]["seconds"]:.2f}x', flush=True)


def describe(run: dict[str, float]) -> str:
    """Seconds, operations per second and their share of the highest speed."""
    if 'gflop' not in run:
        return f'{run["seconds"]:.2f} s, {run["wall"]:.2f} s of wall time'
    speed = run['gflop'] / run['seconds']
    return f'{run["seconds"]:.3f} s, {speed:.0f} of {run["peak"]:.0f} GFLOP/s'


def run_in(checkout: Path, words: list[str]) -> str:
    """Run Python with the package of a checkout; returns its output."""
    environment = {**os.environ, 'PYTHONPATH': str(checkout), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def measure_command(words: list[str], checkout: Path, out: Path) -> dict[str, float]:
    """Return processor and wall time in seconds of a command of avis, and remove its output."""
    before, begin = processor_seconds(), time.perf_counter()
    run_in(checkout, ['-m', 'avis', *words])
    run = {'seconds': processor_seconds() - before, 'wall': time.perf_counter() - begin}
    shutil.rmtree(out)
    return run


def measure_in_process(name: str, checkout: Path) -> dict[str, float]:
    """Run :func:`measure` with the package of a checkout."""
    found: dict[str, float] = json.loads(
        run_in(checkout, [__file__, '--measure', name]).splitlines()[-1]
    )
    return found


def measure(workload: Workload) -> dict[str, float]:
    """Return seconds and 1e9 operations of a step, and the highest speed in GFLOP/s."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    step = make_step(workload)
    with FlopCounterMode(display=False) as counter:
        step()
    seconds = timed(step, workload.steps)
    left, right = torch.rand(2, MATRIX, MATRIX)
    peak = 2e-9 * MATRIX**3 / timed(lambda: left @ right, PRODUCTS)
    return {'seconds': seconds, 'gflop': counter.get_total_flops() / 1e9, 'peak': peak}


def timed(function: Any, repeats: int) -> float:
    """Seconds of processor time of a call."""
    start = time.process_time()
    for _ in range(repeats):
        function()
    return (time.process_time() - start) / repeats


def make_step(workload: Workload) -> Any:
    """Return a function that predicts a batch, or updates the parameters with it."""
    import gpu_models
    import torch

    # Of this checkout: an earlier one has no such file. The package avis is that of the other.
    sys.path.append(str(ROOT / 'tests' / 'helpers'))
    make_batch = import_module('random_clips').make_batch
    gpu_models.ROOT = Path.cwd()  # configs of the checkout that is measured
    entry = gpu_models.ENTRIES[workload.model]
    model = gpu_models.build_model(entry, small=workload.small).train(workload.training)
    if not hasattr(model, 'make_extra_inputs'):  # in earlier checkouts no model reads any
        type(model).make_extra_inputs = lambda _model, _frames: {}
    batch = make_batch(model, clips=workload.clips, frames=workload.frames, size=workload.size)
    data = model.data_preprocessor(batch, workload.training)
    if workload.training:
        optimizer = gpu_models.make_optimizer(model)
        return lambda: gpu_models.train_step(model, data, optimizer)
    model.requires_grad_(False)  # with parameters that need gradients no operations are counted
    return torch.no_grad()(lambda: model(data['inputs'], data['data_samples'], mode='predict'))


if __name__ == '__main__':
    main()
