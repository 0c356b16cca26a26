"""Call a function for many items in processes, and show how far it is."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

_Given = TypeVar('_Given')
_Result = TypeVar('_Result')


def show_progress(
    results: Iterable[_Result],
    title: str,
    total: int,
    *,
    console: Console | None = None,
    transient: bool = False,
) -> Iterator[_Result]:
    """Yield results under a progress bar, which is shown on a terminal only.

    Args:
        results: The results.
        title: Text of the bar.
        total: Number of results.
        console: Where the bar is shown; None for stderr.
        transient: Remove the bar at the end.
    """
    console = console or Console(stderr=True)
    hidden = not console.is_terminal
    yield from track(results, title, total, console=console, disable=hidden, transient=transient)


def map_in_processes(
    function: Callable[[_Given], _Result],
    items: Sequence[_Given],
    *,
    processes: int,
    chunksize: int = 1,
) -> Iterator[_Result]:
    """Yield the results in the order of the items.

    Args:
        function: A function of a module, as it is pickled.
        items: Its arguments.
        processes: Number of processes; 1 for none beside this one.
        chunksize: Items that are sent to a process at once.
    """
    if processes <= 1 or len(items) < 2:
        yield from map(function, items)
    else:
        yield from map_in_workers(function, items, processes=processes, chunksize=chunksize)


def map_in_workers(
    function: Callable[[_Given], _Result],
    items: Sequence[_Given],
    *,
    processes: int,
    start: Callable[..., None] | None = None,
    start_args: tuple[Any, ...] = (),
    chunksize: int = 1,
) -> Iterator[_Result]:
    """Yield the results in the order of the items; all of them are computed in other processes.

    The processes end with this one, even when it is killed. They are started with ``spawn``, so a
    script needs the guard ``if __name__ == '__main__':``.

    Args:
        function: A function of a module, as it is pickled.
        items: Its arguments.
        processes: Number of processes.
        start: Function of a module that each process calls first; None for none.
        start_args: Arguments of ``start``.
        chunksize: Items that are sent to a process at once.

    Raises:
        BrokenProcessPool: A process was killed, or ``start`` failed in it.
    """
    # spawn, because a process with threads may hang after a fork.
    pool = ProcessPoolExecutor(
        processes, get_context('spawn'), initializer=_start_worker, initargs=(start, start_args)
    )
    try:
        yield from pool.map(function, items, chunksize=chunksize)
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(start: Callable[..., None] | None, start_args: tuple[Any, ...]) -> None:
    import cv2  # only in a worker, whose items are images of its own

    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*start_args)


def _end_with_parent() -> None:
    """End this process when the main one is killed; it would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
