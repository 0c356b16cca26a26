"""Reserve an output folder for one process."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

LOCK_FILE = '.lock'


@contextmanager
def folder_lock(folder: str | Path) -> Iterator[None]:
    """Refuse a folder in which another process is within the same block.

    The system releases the lock when the process ends, however that happens. On file systems
    without locks nothing is refused.

    Args:
        folder: The folder; it is created, with its parents. The block ends with the removal of the
            lock file, and of a folder that it created and left empty.

    Raises:
        BlockingIOError: Another process holds the folder; the error names both.
    """
    folder = Path(folder)
    existed = folder.is_dir()
    with _open_locked(folder) as file:
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()}')
        file.flush()
        try:
            yield
        finally:
            (folder / LOCK_FILE).unlink(missing_ok=True)  # still locked: nobody else can hold it
            if not existed:
                with suppress(OSError):  # it has files
                    folder.rmdir()


def remove_stale_lock(folder: str | Path) -> None:
    """Remove the lock file that a killed process left in a folder; that of a running one stays."""
    if (Path(folder) / LOCK_FILE).is_file():
        with suppress(OSError), folder_lock(folder):
            pass


def _open_locked(folder: Path) -> TextIO:
    """Open and lock the lock file of a folder."""
    path = folder / LOCK_FILE
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open('a+', encoding='utf-8')
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                with file:
                    file.seek(0)
                    problem = (
                        f'is in use by {file.read() or "another process"}; wait until that has '
                        f'ended, or choose another folder'
                    )
                raise BlockingIOError(error.errno, problem, str(folder)) from None
        if _is_file(path, file):
            return file
        file.close()  # its last holder removed it in the meantime


def _is_file(path: Path, file: TextIO) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
