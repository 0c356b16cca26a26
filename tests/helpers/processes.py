"""Run the tools in processes of their own, and wait for what they write."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def start(command: Sequence[str | Path], cwd: Path) -> subprocess.Popen:
    """Start a tool in a session of its own, from a folder that is not the repository."""
    environment = {**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'}
    environment.pop('PYTHONPATH', None)
    return subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen) -> str:
    """Wait for a tool, however it ends, and return what it printed."""
    try:
        return process.communicate(timeout=600)[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    """Wait until a file of a tool exists, at most 400 seconds."""
    deadline = time.monotonic() + 400
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.exists(), finish(process)
