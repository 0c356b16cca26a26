"""Write files and folders that appear under their name only when they are complete.

One guarantee for every file: the content goes to a temporary file in the same folder, reaches the
disk (``fsync``) and is then renamed. A reader sees the old file or the new one, never a part of it;
an error or an interruption leaves the old file and no temporary one. The temporary name contains
the process id, so that processes that write the same file do not disturb each other. Only a killed
process leaves a ``*.part``, which the next one that writes the same file or folder removes; see
also :func:`remove_stale_parts`.
"""

import errno
import functools
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUFFIX = '.part'
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def write_atomic(
    path: str | Path, content: bytes | str, *, encoding: str = 'utf-8', errors: str = 'strict'
) -> None:
    """Write bytes or text; missing parent folders are created.

    Args:
        path: File to create or to replace.
        content: All of the file.
        encoding: Of text.
        errors: How text is handled that ``encoding`` cannot express, see :meth:`str.encode`.
    """
    data = content.encode(encoding, errors) if isinstance(content, str) else content
    with atomic_path(path) as part:
        part.write_bytes(data)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Path of the temporary file that becomes ``path`` when the block ends without an error.

    Missing parent folders are created. The block writes the file and closes it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in _stale_parts(target.parent.absolute()).pop(target.name, ()):
        _remove(stale)
    part = temporary_path(target)
    try:
        yield part
        with part.open('rb+') as file:
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        _name_target(error, part, target)
        raise
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Hidden folder that becomes ``path`` when the block ends without an error.

    The files inside are not synced to the disk one by one: unlike :func:`atomic_path`, this does
    not protect from a loss of power.

    Raises:
        FileExistsError: ``path`` has content, at the start or, from another process, at the end.
    """
    target = Path(path)
    _require_empty(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = temporary_path(target.with_name(f'.{target.name}'))
    shutil.rmtree(part, ignore_errors=True)  # of a killed process that had the same id
    remove_stale_parts(target.parent, f'.{glob.escape(target.name)}')
    try:
        part.mkdir()
        yield part
        _require_empty(target)
        part.replace(target)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        _name_target(error, part, target)
        raise


def _name_target(error: BaseException, part: Path, target: Path) -> None:
    """Raise the error of a full or read-only disk with the name of the complete file or folder."""
    if not isinstance(error, OSError) or error.errno not in _NO_SPACE:
        return
    if error.filename is None or Path(error.filename).is_relative_to(part):
        raise OSError(error.errno, error.strerror, str(target)) from error


def temporary_path(path: Path) -> Path:
    """Name under which this process writes a file or folder: ``<name>.<process id>.part``."""
    return path.with_name(f'{path.name}.{os.getpid()}{SUFFIX}')


def remove_stale_parts(folder: Path, name: str = '*') -> None:
    """Remove the temporary files and folders of killed processes; those of running ones stay.

    Args:
        folder: Where the files are.
        name: Name of the complete file, or a glob pattern.
    """
    for part in folder.glob(f'{name}.*{SUFFIX}'):
        if _is_stale(part):
            _remove(part)


def check_writable(folder: str | Path) -> None:
    """Check that files can be written to a folder, before the work whose results they contain.

    Some bytes are written: a full disk may still accept empty files.

    Args:
        folder: The folder; it is created, with its parents.

    Raises:
        OSError: It cannot be created or written; the error names it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    remove_stale_parts(folder, '.writable')
    probe = temporary_path(folder / '.writable')
    try:
        probe.write_bytes(bytes(4096))
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(folder)) from error
    finally:
        with suppress(OSError):
            probe.unlink()  # may be gone: a process of another machine can have the same id


def _require_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            f'{folder} exists and is not empty. Delete it, or choose another folder: what is '
            f'written there is never mixed with other files.'
        )


@functools.lru_cache(maxsize=256)
def _stale_parts(folder: Path) -> dict[str, list[Path]]:
    """Temporary files of killed processes by the name of the complete file.

    A folder is listed once, however many files are written to it.
    """
    found: dict[str, list[Path]] = {}
    for part in folder.glob(f'*{SUFFIX}'):
        if _is_stale(part):
            found.setdefault(part.stem.rpartition('.')[0], []).append(part)
    return found


def _is_stale(part: Path) -> bool:
    """Whether a temporary file or folder is one of a process that does not run any more."""
    process = part.stem.rpartition('.')[2]
    return process.isdigit() and not _is_alive(int(process))


def _remove(part: Path) -> None:
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        pass
    return True
