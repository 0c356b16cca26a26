"""Reserve an output folder for one process."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = '.lock'


@contextmanager
def folder_lock(folder: str | Path) -> Iterator[None]:
    """Refuse a folder in which another process is within the same block.

    The system releases the lock when the process ends, however that happens. On file systems
    without locks nothing is refused.

    Args:
        folder: The folder; it is created, with its parents. The lock file stays in it.

    Raises:
        BlockingIOError: Another process holds the folder; the error names both.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open('a+', encoding='utf-8') as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                file.seek(0)
                problem = (
                    f'is in use by {file.read() or "another process"}; wait until that has ended, '
                    f'or choose another folder'
                )
                raise BlockingIOError(error.errno, problem, str(folder)) from None
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()}')
        file.flush()
        yield
