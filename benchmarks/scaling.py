"""Scaling of training from one process to two, and the share of communication in a step.

Processes train a small model with DistributedDataParallel and gloo on this machine: the batch of
one process divided by two (strong scaling), and the same batch in each of two (weak scaling). The
all-reduce of as many bytes as the gradients have is timed alone. Seconds are processor time of all
threads of a process, so that other load does not count, and neither does waiting for the other
process.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --model avism_r50 --clips 1
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gpu_checks import train_step
from gpu_models import ENTRIES, build_model
from gpu_speed import make_optimizer

SIZE, FRAMES = (96, 160), 5
WARM_UP = 2


def time_steps(rank: int, processes: int, args: argparse.Namespace, clips: int, pipe: Any) -> None:
    """Train in one of several processes, and time its steps.

    Args:
        rank: Number of this process.
        processes: Number of processes.
        args: ``model``, ``steps`` and ``store``, a new file by which the processes find each other.
        clips: Clips of this process per step.
        pipe: Gets megabytes of gradients, median seconds per step, and of an all-reduce alone.
    """
    import torch
    from torch import distributed

    from tests.helpers.random_clips import make_batch

    torch.set_num_threads(1)
    entry = ENTRIES[args.model]
    model: Any = build_model(entry, small=True, deterministic=True).train()
    batch = make_batch(model, clips=clips, frames=FRAMES, size=SIZE)
    optimizer = make_optimizer(model)
    trained = optimizer.param_groups[0]['params']
    wrapped = model
    if processes > 1:
        distributed.init_process_group(
            'gloo', init_method=f'file://{args.store}', rank=rank, world_size=processes
        )
        wrapped = torch.nn.parallel.DistributedDataParallel(model, broadcast_buffers=False)

    def step() -> None:
        samples = [sample.clone() for sample in batch['data_samples']]
        data = model.data_preprocessor({**batch, 'data_samples': samples}, training=True)
        train_step(wrapped, data, optimizer)

    seconds = median_seconds(step, args.steps)
    gradients = torch.zeros(sum(weight.numel() for weight in trained))
    communication = 0.0
    if processes > 1:
        communication = median_seconds(lambda: distributed.all_reduce(gradients), 10)
        distributed.barrier()
        distributed.destroy_process_group()
    pipe.send((gradients.numel() * 4 / 1e6, seconds, communication))


def median_seconds(call: Callable[[], Any], repetitions: int) -> float:
    """Median processor time of a call, after calls to warm up."""
    times = []
    for _ in range(WARM_UP + repetitions):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times[WARM_UP:])


def run(processes: int, args: argparse.Namespace, clips: int) -> list[float]:
    """Return what ``time_steps`` sends, as means over the processes."""
    context = multiprocessing.get_context('fork')
    with tempfile.TemporaryDirectory() as folder:
        args.store = Path(folder) / 'store'
        pipes = [context.Pipe(duplex=False) for _ in range(processes)]
        started = [
            context.Process(target=time_steps, args=(rank, processes, args, clips, pipes[rank][1]))
            for rank in range(processes)
        ]
        for process, (_, sender) in zip(started, pipes, strict=True):
            process.start()
            sender.close()  # so that a process that fails ends the pipe
        sent = [receiver.recv() for receiver, _ in pipes]
        for process in started:
            process.join()
    return [statistics.mean(column) for column in zip(*sent, strict=True)]


def main() -> None:
    """Measure all runs and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--model', choices=list(ENTRIES), default='tpavi_r50', help='small form')
    parser.add_argument('--clips', type=int, default=1, help='clips of a process, strong scaling')
    parser.add_argument('--steps', type=int, default=8)
    args = parser.parse_args()
    clips = args.clips
    build_model(ENTRIES[args.model], small=True)  # imports, so that no process has to
    megabytes, alone, _ = run(1, args, 2 * clips)
    print(f'{args.model}, small: {megabytes:.1f} MB of gradients, {FRAMES} frames of {SIZE}')
    print(f'1 process  x {2 * clips} clips: {alone:.3f} s per step')
    for name, own, ideal in (('strong', clips, alone / 2), ('weak', 2 * clips, alone)):
        _, seconds, communication = run(2, args, own)
        print(
            f'2 processes x {own} clips ({name}): {seconds:.3f} s per step and process, '
            f'efficiency {ideal / seconds:.2f}, all-reduce {communication:.3f} s'
        )


if __name__ == '__main__':
    main()
