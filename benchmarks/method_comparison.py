"""Train methods on synthetic data with the same budget, and compare their scores.

The task is instance segmentation (six methods, see instance_methods.py) or audio-visual
segmentation (four, see segmentation_methods.py). The models are those of small configs, with the
batch and the schedule of the demos. Methods with audio are tested with muted audio, too.

    python benchmarks/method_comparison.py --jobs 2                         # hours on two cores
    python benchmarks/method_comparison.py --jobs 18 --time-limit 200       # minutes on a GPU
    python benchmarks/method_comparison.py --methods VITA LBVQ --iterations 3 --seeds 0
    python benchmarks/method_comparison.py --task segmentation --jobs 12 --time-limit 240

A GPU is used if there is one (not with CUDA_VISIBLE_DEVICES= before the command). A run is a method
with a seed. Finished runs are kept in the work folder, with their scores and predictions: the same
number of iterations continues where it was interrupted.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from demo_training import write_json

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), *map(str, sorted(ROOT.glob('projects/*')))]
# A task has METHODS, the configs of their stages of training; COLUMNS of the table; make_data,
# prepare and score.
TASKS = {'instances': 'instance_methods', 'segmentation': 'segmentation_methods'}
WARM_UP, MEASURED = 4, 20  # iterations before the budget is known
RESERVE = 0.9  # part of the time limit that is planned for, the rest is for slow moments

Value = TypeVar('Value')


@dataclass(frozen=True)
class Run:
    """One method with one seed; its results are in ``folder``."""

    task: str
    method: str
    seed: int
    iterations: int
    data: Path
    work_dir: Path

    @property
    def folder(self) -> Path:
        """Folder of checkpoints, predictions and scores."""
        return self.work_dir / f'{self.method.lower()}_{self.iterations}_{self.seed}'


def load_task(name: str) -> ModuleType:
    """Return the module of a task."""
    return import_module(TASKS[name])


def stage_config(path: str, run: Run, iterations: int, checkpoint: Path | None) -> Any:
    """Return the config of one stage, which starts from the checkpoint of the stage before."""
    from avis.apis import load_config

    config = load_config(ROOT / path, {'randomness.seed': run.seed})
    load_task(run.task).prepare(config, run.data, iterations)
    config.load_from = None if checkpoint is None else str(checkpoint)
    return config


def train_method(run: Run) -> tuple[Any, Path, float]:
    """Train all stages; returns the last config, its checkpoint and the seconds per iteration."""
    from mmengine.logging import MessageHub

    from tools.demo import train_once

    checkpoint, seconds = None, []
    stages = load_task(run.task).METHODS[run.method]
    for path in stages:
        iterations = run.iterations // len(stages)
        config = stage_config(path, run, iterations, checkpoint)
        checkpoint = train_once(config, run.folder / Path(path).stem)
        scalars = MessageHub.get_current_instance().log_scalars
        if 'train/time' in scalars:  # not if this stage was finished before
            seconds.append(float(scalars['train/time'].mean(iterations // 2)))
    assert checkpoint is not None
    return config, checkpoint, statistics.mean(seconds or [0.0])


def measure_speed(run: Run) -> float:
    """Return the seconds per iteration of a short training, without its start."""
    with tempfile.TemporaryDirectory() as folder:
        return train_method(replace(run, work_dir=Path(folder)))[2]


def score_run(run: Run) -> dict[str, Any]:
    """Train and test one method, unless that is done; returns its scores."""
    from mmengine.device import get_device

    file = run.folder / 'result.json'
    if file.is_file():
        found: dict[str, Any] = json.loads(file.read_text())
        return found
    config, checkpoint, seconds = train_method(run)
    result: dict[str, Any] = {'device': get_device(), 'seconds_per_iteration': seconds}
    result |= load_task(run.task).score(config, checkpoint, run.folder)
    write_json(file, result)
    return result


def run_all(
    pool: ProcessPoolExecutor, function: Callable[[Run], Value], runs: Iterable[Run]
) -> dict[Run, Value]:
    """Apply a function to all runs; one that fails is reported and left out."""
    futures = {pool.submit(function, run): run for run in runs}
    results = {}
    for future in as_completed(futures):
        run, error = futures[future], future.exception()
        if error is None:
            results[run] = future.result()
        text = f'{results[run]}' if error is None else f'{type(error).__name__}: {error}'
        print(f'{function.__name__} {run.method} {run.seed}: {text}', file=sys.stderr, flush=True)
    return {run: results[run] for run in futures.values() if run in results}


def choose_iterations(pool: ProcessPoolExecutor, runs: list[Run], time_limit: float) -> int:
    """Return how many iterations the slowest run manages within the limit in seconds.

    All runs train at the same time, first a few iterations: imports and the first use of a device
    are slow.
    """
    run_all(pool, measure_speed, [replace(run, iterations=WARM_UP) for run in runs])
    short = [replace(run, iterations=MEASURED) for run in runs]
    slowest = max(run_all(pool, measure_speed, short).values())
    return int(RESERVE * time_limit / slowest) // 2 * 2


def format_table(results: dict[Run, dict[str, Any]], columns: Sequence[str]) -> str:
    """Return mean and standard deviation over the seeds as a Markdown table."""
    lines = [f'| method | audio | {" | ".join(columns)} |', f'|---|---|{"---:|" * len(columns)}']
    for method in dict.fromkeys(run.method for run in results):
        found = [result for run, result in results.items() if run.method == method]
        for audio in ('with audio', 'muted', 'exchanged', 'no audio'):
            if audio not in found[0]:
                continue
            cells = [spread([result[audio][column] for result in found]) for column in columns]
            lines.append(f'| {method} | {audio} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def spread(values: list[float]) -> str:
    """Mean and standard deviation of a sample."""
    deviation = f' ± {statistics.stdev(values):.1f}' if len(values) > 1 else ''
    return f'{statistics.mean(values):.1f}{deviation}'


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--task', choices=TASKS, default='instances')
    parser.add_argument('--methods', nargs='+', metavar='METHOD', help='default: all of the task')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2], help='of training')
    parser.add_argument('--iterations', type=int, default=1400, help='of training, per run')
    parser.add_argument(
        '--time-limit',
        type=float,
        metavar='SECONDS',
        help='of all trainings together: measure the speed of the runs side by side and choose the '
        'iterations by it; needs as many jobs as runs',
    )
    parser.add_argument('--jobs', type=int, default=1, help='runs at the same time')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads of each run')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/method_comparison'))
    parser.add_argument('--out', type=Path, help='JSON file; the table goes beside it, as .md')
    args = parser.parse_args()
    known = load_task(args.task).METHODS
    args.methods = args.methods or list(known)
    if not set(args.methods) <= set(known):
        parser.error(f'expected methods of {", ".join(known)}, got {" ".join(args.methods)}')
    return args


def main() -> None:
    """Make the data, train and test all runs, write and print the table."""
    args = parse_args()
    os.environ['OMP_NUM_THREADS'] = str(args.threads)  # the processes of the runs inherit it
    start = time.monotonic()
    work_dir = args.work_dir.resolve()
    task = load_task(args.task)
    data = task.make_data(work_dir / f'data_{args.task}', args.jobs)
    runs = [
        Run(args.task, method, seed, args.iterations, data, work_dir)
        for method in args.methods
        for seed in args.seeds
    ]
    spawn = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(args.jobs, mp_context=spawn) as pool:
        if args.time_limit is not None:
            iterations = choose_iterations(pool, runs, args.time_limit)
            runs = [replace(run, iterations=iterations) for run in runs]
        results = run_all(pool, score_run, runs)
    rows = [{'method': run.method, 'seed': run.seed, **row} for run, row in results.items()]
    report = {
        'iterations': runs[0].iterations,
        'seconds': round(time.monotonic() - start),
        'runs': rows,
    }
    table = format_table(results, task.COLUMNS)
    print(f'{report["iterations"]} iterations per run, {report["seconds"]} s in total\n\n{table}')
    if args.out is not None:
        write_json(args.out, report)
        args.out.with_suffix('.md').write_text(table + '\n')
    if len(results) < len(runs):
        raise SystemExit(f'{len(runs) - len(results)} of {len(runs)} runs failed')


if __name__ == '__main__':
    main()
