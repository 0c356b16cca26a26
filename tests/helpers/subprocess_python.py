"""Run a few lines of Python in a separate process, with controlled imports."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_python(code: str, *extra_paths: Path) -> str:
    """Run the code and return what it printed; a failure shows the traceback.

    Args:
        code: Python source.
        extra_paths: Folders searched for modules before all installed packages.
    """
    paths = os.pathsep.join(map(str, (*extra_paths, ROOT)))
    environment = {**os.environ, 'PYTHONPATH': paths}
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    if done.returncode:
        raise AssertionError(f'the process ended with {done.returncode}:\n{done.stderr}')
    return done.stdout


def write_package(folder: Path, files: dict[str, str]) -> Path:
    """Write the source files of a made-up package below a folder and return the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
