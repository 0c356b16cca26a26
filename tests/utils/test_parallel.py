"""Worker processes: results in order, and an error when one is killed."""

import os
import signal
from concurrent.futures.process import BrokenProcessPool

import pytest

from avis.utils.parallel import map_in_processes, map_in_workers

_own: list[int] = []


def _prepare(number: int) -> None:
    _own.append(number)


def _with_own(item: int) -> tuple[int, list[int]]:
    return item, _own


def _killed_at_two(item: int) -> int:
    if item == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_workers_are_prepared_and_keep_the_order_of_the_items() -> None:
    results = map_in_workers(_with_own, [3, 1, 2], processes=2, start=_prepare, start_args=(7,))
    assert list(results) == [(3, [7]), (1, [7]), (2, [7])]
    assert _own == []


def test_one_process_is_this_one() -> None:
    results = map_in_processes(_with_own, [1, 2], processes=1)
    assert [found is _own for _, found in results] == [True, True]


def test_killed_worker_is_an_error() -> None:
    with pytest.raises(BrokenProcessPool):
        list(map_in_processes(_killed_at_two, [1, 2, 3], processes=2))
