"""Find the checkpoint to resume from, also after a run was killed while it wrote one."""

import re
import zipfile
from pathlib import Path


def is_complete(path: Path) -> bool:
    """Whether a checkpoint file is complete.

    Checkpoints are zip archives: a truncated one lacks its table of contents, a damaged one
    does not match its checksums.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def checkpoints_in(folder: Path) -> list[Path]:
    """The regular checkpoints ``epoch_*.pth`` and ``iter_*.pth`` of a run, newest first."""
    found = [
        (int(match[1]), path)
        for path in folder.glob('*.pth')
        if (match := re.fullmatch(r'(?:epoch|iter)_(\d+)', path.stem))
    ]
    return [path for _, path in sorted(found, reverse=True)]


def newest_complete(folder: Path, *, exclude: Path | None = None) -> Path | None:
    """The newest complete checkpoint of a folder, or None."""
    found = (path for path in checkpoints_in(folder) if path != exclude)
    return next((path for path in found if is_complete(path)), None)


def find_resumable(work_dir: Path) -> tuple[Path | None, str]:
    """The checkpoint that ``--resume`` continues from, and a line for the log.

    Returns:
        The newest readable checkpoint, None for a run that saved nothing yet; the line.

    Raises:
        ValueError: There are checkpoints, but none of them can be read.
    """
    latest = _latest_checkpoint(work_dir)
    if latest is not None and is_complete(latest):
        return latest, f'Resuming from {latest}.'
    folder = work_dir if latest is None else latest.parent
    fallback = newest_complete(folder, exclude=latest)
    if fallback is None and (latest is not None or checkpoints_in(work_dir)):
        raise ValueError(
            f'No checkpoint in {folder} can be read ({latest or "all"} missing, truncated or '
            f'damaged). Start a new run with another --work-dir, or remove the damaged files.'
        )
    if fallback is None:
        return None, f'{work_dir} contains no checkpoint to resume from; starting a new run.'
    if latest is None:
        return fallback, f'Resuming from {fallback}.'
    return fallback, (
        f'The latest checkpoint {latest} is missing, truncated or damaged; resuming from the '
        f'older {fallback}.'
    )


def check_resumable(path: Path) -> Path:
    """Check a checkpoint named by the user.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is truncated or damaged; the message names another one to use.
    """
    if not path.is_file():
        raise FileNotFoundError(f'Checkpoint {path} to resume from does not exist.')
    if not is_complete(path):
        other = newest_complete(path.parent, exclude=path)
        remedy = f'Resume from {other}.' if other else f'{path.parent} contains no other one.'
        raise ValueError(f'Checkpoint {path} is truncated or damaged. {remedy}')
    return path


def _latest_checkpoint(work_dir: Path) -> Path | None:
    """The file named by ``last_checkpoint``, in ``work_dir`` if that was moved; else None."""
    pointer = work_dir / 'last_checkpoint'
    name = pointer.read_text().strip() if pointer.is_file() else ''
    if not name:
        return None
    local = work_dir / Path(name).name
    return local if local.is_file() else Path(name)
