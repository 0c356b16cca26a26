"""Compare the files that two runs of a tool wrote."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from avis.apis.batch_inference import RECORD_FILE
from tests.helpers.kill_and_resume import stored_tensors
from tests.helpers.runs import loss_curve


def differences(first: Path, second: Path, ignored: Sequence[str]) -> list[str]:
    """Compare two folders; returns a line per file that differs.

    Checkpoints are equal if their tensors are, since they contain times, and compressed files if
    their content is; records of AVTracker without the times of the stages; other files if their
    bytes are, apart from the path of the folder.

    Args:
        first: Folder of an undisturbed run.
        second: Folder of a run that was killed and repeated.
        ignored: Patterns of files that differ between any two runs.
    """
    files = [_files(folder, ignored) for folder in (first, second)]
    lines = [f'missing: {name}' for name in sorted(files[0] - files[1])]
    lines += [f'left over: {name}' for name in sorted(files[1] - files[0])]
    for name in sorted(files[0] & files[1]):
        if not _are_equal(first, second, name):
            lines.append(f'different: {name}')
    return [*lines, *_log_differences(first, second)]


def _files(folder: Path, ignored: Sequence[str]) -> set[str]:
    """Files and empty folders by their path in a folder."""
    names = set()
    for path in folder.rglob('*'):
        name = path.relative_to(folder)
        is_leaf = path.is_file() or not any(path.iterdir())
        if is_leaf and not any(name.match(pattern) for pattern in ignored):
            names.add(str(name))
    return names


def _are_equal(first: Path, second: Path, name: str) -> bool:
    paths = first / name, second / name
    if any(path.is_dir() for path in paths):
        return all(path.is_dir() for path in paths)
    if paths[0].suffix != '.pth':
        return _content(first, name) == _content(second, name)
    one, two = map(stored_tensors, paths)
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def _content(folder: Path, name: str) -> Any:
    """The content of a file, without the path of its folder."""
    content = (folder / name).read_bytes()
    if name.endswith('.gz'):
        return gzip.decompress(content)
    if Path(name).name == RECORD_FILE:
        return {key: value for key, value in json.loads(content).items() if key != 'stages'}
    return content.replace(bytes(folder), b'')


def _log_differences(first: Path, second: Path) -> list[str]:
    """Compare loss curves and metrics in the folders that are named by time."""
    lines = []
    if loss_curve(first / 'run') != loss_curve(second / 'run'):
        lines.append('different: loss curve')
    if _last_metrics(first) != _last_metrics(second):
        lines.append('different: metrics')
    return lines


def _last_metrics(folder: Path) -> dict[str, float]:
    """The metrics of the last test."""
    found = sorted((folder / 'run').glob('2*/2*.json'))
    metrics: dict[str, float] = json.loads(found[-1].read_text()) if found else {}
    return {key: value for key, value in metrics.items() if 'time' not in key}
