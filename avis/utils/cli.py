"""Run the main function of a tool: expected errors end in one line instead of a traceback.

Imports nothing heavy: ``--help`` is instant.
"""

import io
import os
import sys
from collections.abc import Callable

# Errors in what the user named: files, settings, packages, checkpoints, data. Their messages say
# what to do. Everything else is a defect, and keeps its traceback.
EXPECTED = (OSError, ValueError, ImportError, FloatingPointError)


def run(main: Callable[[], int | str | None]) -> None:
    """Call ``main`` and exit with its status; print expected errors as one line.

    ``AVIS_DEBUG=1`` and the option ``--debug`` of the tools show the traceback.

    Args:
        main: Returns the exit status, a text to print as an error, or None for success.

    Raises:
        SystemExit: The status is not 0; 1 after an error.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not fit a terminal
            stream.reconfigure(errors='backslashreplace')
    try:
        status = main()
    except EXPECTED as error:
        if os.environ.get('AVIS_DEBUG', '0') not in ('', '0'):
            raise
        status = f'error: {_one_line(error)}'
    if status:
        sys.exit(status)


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f'{error.filename}: {error.strerror}'
    if isinstance(error, UnicodeEncodeError) and error.reason == 'surrogates not allowed':
        return (
            f'{error.object[error.start : error.end]!r}: the locale cannot represent these '
            f'characters of a name; set LC_ALL=C.UTF-8'
        )
    return ' '.join(str(error).split()) or type(error).__name__
