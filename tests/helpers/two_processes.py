"""Run a function in two processes that train together, and compare their gradients with one."""

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from avis.apis import load_config
from avis.registry import MODELS

Norms = dict[str, float]


def run_in_two_processes(compute: Callable[[int], Any], folder: Path) -> Any:
    """Call ``compute(rank)`` in two processes with gloo; return the result of rank 0, a JSON value.

    Args:
        compute: Called with 0 and 1.
        folder: Empty folder for the files of the processes.
    """
    context = multiprocessing.get_context('fork')
    # No daemons, which may not start workers of a data loader.
    processes = [context.Process(target=_run, args=(compute, rank, folder)) for rank in (0, 1)]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join(300)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
    assert [process.exitcode for process in processes] == [0, 0]
    return json.loads((folder / 'result.json').read_text())


def check_gradients(compute: Callable[..., Norms], clips: list[dict], folder: Path) -> None:
    """Assert that two processes with one clip each have the gradients of one process with both.

    Args:
        compute: ``compute(clips, wrap=None)`` returns the gradient norm of each parameter after a
            step; ``wrap`` makes the model a distributed one.
        clips: Two clips.
        folder: Empty folder for the files of the processes.
    """
    shared = run_in_two_processes(
        lambda rank: compute(clips[rank : rank + 1], DistributedDataParallel), folder
    )
    alone = compute(clips)
    assert shared.keys() == alone.keys()
    for name, norm in alone.items():
        assert shared[name] == pytest.approx(norm, rel=2e-3, abs=1e-5), name


def gradients_of_config(config: Path, clips: list[dict], wrap: type | None = None) -> Norms:
    """Gradient norms of the model of a config after a step; random points belong to the clips."""
    torch.manual_seed(0)
    return gradients_of_model(MODELS.build(load_config(config).model), clips, wrap)


def gradients_of_model(model: nn.Module, clips: list[dict], wrap: type | None = None) -> Norms:
    """Gradient norms of the trained parameters of a model after a step."""
    data = model.train().data_preprocessor(pseudo_collate(clips), training=True)
    wrapped = model if wrap is None else wrap(model)  # must exist until the gradients are computed
    sum(wrapped(**data, mode='loss').values()).backward()
    return {
        name: weight.grad.double().norm().item()
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }


def seeded(clips: list[dict]) -> list[dict]:
    """Give each clip random points of its own."""
    for index, item in enumerate(clips):
        item['data_samples'].set_metainfo({'seed': (0, index)})
    return clips


def _run(compute: Callable[[int], Any], rank: int, folder: Path) -> None:
    distributed.init_process_group(
        'gloo', init_method=f'file://{folder / "store"}', rank=rank, world_size=2
    )
    result = compute(rank)
    if rank == 0:
        (folder / 'result.json').write_text(json.dumps(result))
    distributed.barrier()
    distributed.destroy_process_group()
