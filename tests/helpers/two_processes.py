"""Run a function in two processes that train together, forked from the current one."""

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import distributed


def run_in_two_processes(compute: Callable[[int], Any], folder: Path) -> Any:
    """Call ``compute(rank)`` in two processes with gloo; return the result of rank 0, a JSON value.

    Args:
        compute: Called with 0 and 1.
        folder: Empty folder for the files of the processes.
    """
    context = multiprocessing.get_context('fork')
    processes = [
        context.Process(target=_run, args=(compute, rank, folder), daemon=True) for rank in (0, 1)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0]
    return json.loads((folder / 'result.json').read_text())


def _run(compute: Callable[[int], Any], rank: int, folder: Path) -> None:
    distributed.init_process_group(
        'gloo', init_method=f'file://{folder / "store"}', rank=rank, world_size=2
    )
    result = compute(rank)
    if rank == 0:
        (folder / 'result.json').write_text(json.dumps(result))
    distributed.barrier()
    distributed.destroy_process_group()
