"""Speed and memory of loading, training and inference of a config, for benchmark.py.

Each part is measured in a process of its own, so that the peaks of memory do not mix.
"""

import functools
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from avis.apis.checkpoint import init_model
from avis.engine.runner import AVRunner

BenchmarkMode: TypeAlias = Literal['loading', 'training', 'inference']
_Step: TypeAlias = Callable[[], Any]  # returns a batch


@dataclass(frozen=True)
class SpeedResult:
    """Measured speed.

    Attributes:
        mode: What was measured.
        seconds: Mean time of an iteration.
        clips: Clips per second.
        frames: Frames per second.
        memory: Peak memory of this process in MB.
        gpu_memory: Peak memory of the GPU in MB; None without one.
    """

    mode: BenchmarkMode
    seconds: float
    clips: float
    frames: float
    memory: float
    gpu_memory: float | None

    def __str__(self) -> str:
        gpu = '' if self.gpu_memory is None else f', {self.gpu_memory:.0f} MB on the GPU'
        return (
            f'{self.mode}: {self.seconds:.4f} s per iteration, {self.clips:.2f} clips/s, '
            f'{self.frames:.2f} frames/s; peak memory {self.memory:.0f} MB{gpu}'
        )


def measure_speed(
    cfg: Config,
    mode: BenchmarkMode,
    *,
    iterations: int = 20,
    warmup: int = 3,
    device: str = 'cpu',
) -> SpeedResult:
    """Measure one part of a config.

    Args:
        cfg: Loaded config.
        mode: ``'loading'`` reads batches of the training data; ``'training'`` repeats a step with
            forward pass, backward pass and optimizer on one batch; ``'inference'`` predicts one
            batch of the test data again and again.
        iterations: Number of measured iterations.
        warmup: Number of iterations before them.
        device: Device of the model.

    Raises:
        ValueError: The config has no such data loader.
    """
    init_default_scope(cfg.get('default_scope', 'avis'))
    key = 'test_dataloader' if mode == 'inference' else 'train_dataloader'
    if cfg.get(key) is None:
        raise ValueError(f'{cfg.filename}: expected {key} for the mode {mode}, got nothing')
    batches = _endless(AVRunner.build_dataloader(cfg[key], seed=0))
    if mode == 'loading':
        step: _Step = functools.partial(next, batches)
    else:
        step = _model_step(cfg, mode, next(batches), device)
    on_gpu = torch.device(device).type == 'cuda'
    for _ in range(warmup):
        step()
    clips = frames = 0
    start = _now(on_gpu)
    for _ in range(iterations):
        sizes = [len(clip) for clip in step()['inputs']['frames']]
        clips, frames = clips + len(sizes), frames + sum(sizes)
    seconds = _now(on_gpu) - start
    memory = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else None
    return SpeedResult(
        mode, seconds / iterations, clips / seconds, frames / seconds, peak_memory(), memory
    )


def peak_memory() -> float:
    """Peak resident memory of this process in MB, without its data loading workers."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == 'darwin' else 2**10)


def _endless(loader: Any) -> Iterator[Any]:
    while True:
        yield from loader


def _now(on_gpu: bool) -> float:
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter()


def _model_step(cfg: Config, mode: BenchmarkMode, batch: Any, device: str) -> _Step:
    """Return a function that trains on, or predicts, one batch and returns it."""
    model: Any = init_model(cfg, device=device)
    if mode == 'inference':
        run = functools.partial(_predict, model)
    else:
        model.train()
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
        run = functools.partial(model.train_step, optim_wrapper=wrapper)

    def step() -> Any:
        # Data samples are copied: a prediction is written into them.
        samples = [sample.clone() for sample in batch['data_samples']]
        run({**batch, 'data_samples': samples})
        return batch

    return step


@torch.no_grad()
def _predict(model: Any, batch: Any) -> None:
    model.test_step(batch)
