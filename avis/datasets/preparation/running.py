"""Run the jobs of a data preparation in parallel; an interrupted run resumes."""

import json
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from avis.datasets.preparation.files import ClipFiles, remove_parts
from avis.datasets.readers.errors import REMEDY, UNUSABLE_FILE
from avis.utils.atomic import write_atomic
from avis.utils.parallel import map_in_processes, show_progress

REPORT_NAME = 'preparation_report.json'


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
    results = map_in_processes(_run, jobs, processes=processes)
    shown = show_progress(results, 'Clips', len(jobs))
    for job, (state, problem) in zip(jobs, shown, strict=True):
        if state == 'made':
            report.made.append(job.name)
        elif state == 'kept':
            report.kept += 1
        elif state == 'missing':
            report.missing.append(job.name)
        else:
            report.broken[job.name] = problem
    return report


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
