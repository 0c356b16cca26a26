"""Run the main function of a tool: expected errors end in one line instead of a traceback.

Imports nothing heavy: ``--help`` is instant.
"""

import errno
import io
import logging
import os
import sys
import traceback
from collections.abc import Callable

# Errors in what the user named: files, settings, packages, checkpoints, data. Their messages say
# what to do. Everything else is a defect, and keeps its traceback.
EXPECTED = (OSError, ValueError, ImportError, FloatingPointError)
_LOCKS = 'multiprocessing.synchronize'
_SHARED_MEMORY = ('out of shared memory', 'shared memory object', 'unable to write to file </torch')


def run(main: Callable[[], int | str | None]) -> None:
    """Call ``main`` and exit with its status; print expected errors as one line.

    ``AVIS_DEBUG=1`` and the option ``--debug`` of the tools show the traceback. Threads of PyTorch
    wait without spinning for long, unless ``OMP_WAIT_POLICY`` or ``GOMP_SPINCOUNT`` is set.

    Args:
        main: Returns the exit status, a text to print as an error, or None for success.

    Raises:
        SystemExit: The status is not 0; 1 after an error.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not fit a terminal
            stream.reconfigure(errors='backslashreplace')
    if 'OMP_WAIT_POLICY' not in os.environ:
        # Threads of PyTorch wait by spinning for milliseconds, even for one that another process
        # keeps from running. A thirtieth of libgomp's length costs an idle machine little.
        os.environ.setdefault('GOMP_SPINCOUNT', '10000')
    logging.raiseExceptions = False  # a full disk is told once, and not for each line of the log
    try:
        status = main()
    except (*EXPECTED, RuntimeError) as error:
        if not isinstance(error, EXPECTED) and not _needs_shared_memory(error):
            raise
        if os.environ.get('AVIS_DEBUG', '0') not in ('', '0'):
            raise
        status = f'error: {_one_line(error)}'
    if status:
        sys.exit(status)


def _needs_shared_memory(error: BaseException) -> bool:
    """Whether the workers of a data loader had too little of ``/dev/shm``; no class says it."""
    if isinstance(error, OSError):  # of the first lock
        frames = traceback.walk_tb(error.__traceback__)
        return any(frame.f_globals.get('__name__') == _LOCKS for frame, _ in frames)
    is_runtime = isinstance(error, RuntimeError)
    return is_runtime and any(text in str(error) for text in _SHARED_MEMORY)


def _one_line(error: BaseException) -> str:
    """Describe an error; names in it must not control the terminal."""
    return ''.join(c if c.isprintable() else repr(c)[1:-1] for c in _describe(error))


def _describe(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f'{error.filename}: {error.strerror}'
    if isinstance(error, UnicodeEncodeError) and (
        error.encoding == 'ascii' or error.reason == 'surrogates not allowed'
    ):
        return (
            f'{error.object[error.start : error.end]!r}: the locale cannot represent these '
            f'characters of a name; set LC_ALL=C.UTF-8'
        )
    if _needs_shared_memory(error):
        reason = str(error).strip().splitlines()[-1]
        return (
            f'the workers of the data loader need more shared memory than /dev/shm has ({reason}); '
            f'enlarge it (docker run --shm-size=8g), or set num_workers=0 of the data loader'
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f'{error.strerror}; free some where results and temporary files (TMPDIR) are written'
    return ' '.join(str(error).split()) or type(error).__name__
