"""Run the jobs of a data preparation in parallel; an interrupted run resumes."""

import json
import os
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2
from rich.console import Console
from rich.progress import track

from avis.datasets.preparation.files import ClipFiles, remove_parts
from avis.datasets.readers.errors import REMEDY, UNUSABLE_FILE
from avis.utils.atomic import write_atomic

REPORT_NAME = 'preparation_report.json'

_Given = TypeVar('_Given')
_Result = TypeVar('_Result')


class PreparationJob(Protocol):
    """The files of one clip or video; pickled to a worker process."""

    @property
    def name(self) -> str:
        """Name of the clip or video."""

    @property
    def source(self) -> str | None:
        """Path of the raw video; None if there is none."""

    def targets(self) -> list[str]:
        """Return the paths of all files."""

    def write(self, files: ClipFiles) -> None:
        """Write those that do not exist."""


@dataclass
class PreparationReport:
    """What a preparation did.

    Attributes:
        made: Names of the clips that were written.
        kept: Number of clips whose files all existed.
        missing: Names of the clips without a video.
        broken: Reason for each clip that could not be made, by name.
        features: Problems of VGGish features.
    """

    made: list[str] = field(default_factory=list)
    kept: int = 0
    missing: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    features: list[str] = field(default_factory=list)

    @property
    def problems(self) -> int:
        """Number of clips that are not complete, and of other problems."""
        return len(self.missing) + len(self.broken) + len(self.features)

    def save(self, root: str | Path) -> None:
        """Write ``preparation_report.json`` to the folder of the data set."""
        write_atomic(Path(root) / REPORT_NAME, json.dumps(asdict(self), indent=2) + '\n')


def run_preparation(jobs: Sequence[PreparationJob], *, processes: int = 1) -> PreparationReport:
    """Write the files of all jobs.

    A clip whose files exist is kept; of others the missing files are written, and appear when all
    of them are complete. A broken video is counted, and the run goes on.

    Args:
        jobs: The jobs.
        processes: Number of jobs at a time.
    """
    report = PreparationReport()
    remove_parts(path for job in jobs for path in job.targets())
    results = map_in_processes(_run, jobs, processes=processes, title='Clips')
    for job, (state, problem) in zip(jobs, results, strict=True):
        if state == 'made':
            report.made.append(job.name)
        elif state == 'kept':
            report.kept += 1
        elif state == 'missing':
            report.missing.append(job.name)
        else:
            report.broken[job.name] = problem
    return report


def map_in_processes(
    function: Callable[[_Given], _Result], items: Sequence[_Given], *, processes: int, title: str
) -> Iterator[_Result]:
    """Yield the results in the order of the items, with a progress bar on a terminal.

    Args:
        function: A function of a module, as it is pickled.
        items: Its arguments.
        processes: Number of processes; 1 for none beside this one.
        title: Text of the progress bar.
    """
    console = Console(stderr=True)

    def bar(results: Any) -> Iterator[_Result]:
        yield from track(
            results, title, len(items), console=console, disable=not console.is_terminal
        )

    if processes == 1 or len(items) < 2:
        yield from bar(map(function, items))
        return
    # spawn, because a process with threads may hang after a fork.
    pool = ProcessPoolExecutor(processes, get_context('spawn'), initializer=_start_worker)
    try:
        yield from bar(pool.map(function, items))
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the main one is killed; it would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def describe_problem(error: Exception) -> str:
    """Return one line for a broken file, and a traceback for an error of the program."""
    if isinstance(error, UNUSABLE_FILE):
        return str(error).removesuffix(REMEDY).rstrip()
    if isinstance(error, OSError):
        return str(error)
    return traceback.format_exc()


def _run(job: PreparationJob) -> tuple[str, str]:
    """Run one job; returns its state and, if it is broken, the reason."""
    if all(Path(path).exists() for path in job.targets()):
        return 'kept', ''
    if job.source is None:
        return 'missing', ''
    files = ClipFiles()
    try:
        with files:
            job.write(files)
    except Exception as error:  # one clip must not end the others
        files.remove_empty_folders()
        return 'broken', describe_problem(error)
    return 'made', ''
