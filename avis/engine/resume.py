"""Find the checkpoint to go on from, also after a run was killed while it wrote one."""

import re
import zipfile
from pathlib import Path


def is_complete(path: Path) -> bool:
    """Whether a checkpoint file is there from its first to its last byte.

    Checkpoints are zip archives: a truncated one has lost its table of contents, a damaged one
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


def newest_complete(folder: Path, *, besides: Path | None = None) -> Path | None:
    """The newest complete checkpoint of a folder, or None."""
    others = (path for path in checkpoints_in(folder) if path != besides)
    return next((path for path in others if is_complete(path)), None)


def find_resumable(work_dir: Path) -> tuple[Path | None, str]:
    """The checkpoint that ``--resume`` continues from, and a line for the log.

    Returns:
        The newest checkpoint that can be read, None for a run that saved nothing yet; what was
        found.

    Raises:
        ValueError: There are checkpoints, but none of them can be read.
    """
    latest = _named_as_latest(work_dir)
    if latest is not None and is_complete(latest):
        return latest, f'Resuming from {latest}.'
    folder = work_dir if latest is None else latest.parent
    fallback = newest_complete(folder, besides=latest)
    if fallback is None and (latest is not None or checkpoints_in(work_dir)):
        raise ValueError(
            f'No checkpoint in {folder} can be read ({latest or "all"} missing, truncated or '
            f'damaged). Start anew with another --work-dir, or remove the damaged files.'
        )
    if fallback is None:
        return None, f'{work_dir} holds no checkpoint to resume from; starting at the beginning.'
    if latest is None:
        return fallback, f'Resuming from {fallback}.'
    return fallback, (
        f'The latest checkpoint {latest} is missing, truncated or damaged; resuming from the '
        f'older {fallback}.'
    )


def check_resumable(path: Path) -> Path:
    """Check a checkpoint that was named by the user.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is truncated or damaged; the message names an older one to use.
    """
    if not path.is_file():
        raise FileNotFoundError(f'Checkpoint {path} to resume from does not exist.')
    if not is_complete(path):
        other = newest_complete(path.parent, besides=path)
        way_out = f'Resume from {other}.' if other else f'{path.parent} holds no other one.'
        raise ValueError(f'Checkpoint {path} is truncated or damaged. {way_out}')
    return path


def _named_as_latest(work_dir: Path) -> Path | None:
    """The file named by ``last_checkpoint``, here if the folder was moved or copied; else None."""
    pointer = work_dir / 'last_checkpoint'
    name = pointer.read_text().strip() if pointer.is_file() else ''
    if not name:
        return None
    here = work_dir / Path(name).name
    return here if here.is_file() else Path(name)
