"""A command of avis in a process that kills itself, at a file operation or after some seconds."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from avis.cli.main import main

_CHANGES = ('os.rename', 'os.remove', 'os.mkdir', 'os.rmdir', 'os.truncate')


def run(words: Sequence[str], *, operation: int | None, seconds: float | None) -> None:
    """Run a command line, print the number of its file operations, and exit with its status.

    Args:
        words: All words after ``avis``.
        operation: The process is killed right before this file operation, counted from 1: files
            that are opened to be written, renames, removals and new folders. None for never.
        seconds: The process is killed after this time. None for never.
    """
    count = 0

    def on_event(event: str, details: tuple[Any, ...]) -> None:
        nonlocal count
        writes = event == 'open' and bool(details[2] & (os.O_WRONLY | os.O_RDWR))
        if writes or event in _CHANGES:
            count += 1
            if count == operation:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(on_event)
    if seconds is not None:
        _kill_later(os.getpid(), seconds)
    status = main(words)
    print(f'operations {count}')
    sys.exit(status)


def _kill_later(process: int, seconds: float) -> None:
    """Start a process that kills another one, its parent, if that still runs."""
    if os.fork():
        return
    end = time.monotonic() + seconds
    while time.monotonic() < end and os.getppid() == process:
        time.sleep(0.001)
    if os.getppid() == process:
        os.kill(process, signal.SIGKILL)
    os._exit(0)
