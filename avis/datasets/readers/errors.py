"""The error of broken data files, as opposed to errors of the program or the config."""

from pathlib import Path

REMEDY = (
    'Fetch the file again; tools/dataset_tools/check_dataset.py CONFIG lists every such file, and '
    'skip_broken=True of the data set skips them.'
)


class BrokenDataError(ValueError):
    """A file of the data set cannot be used.

    It takes one message, so that a worker of a data loader can send it without losing its type.
    """


UNUSABLE_FILE = (BrokenDataError, FileNotFoundError)
"""The errors of a clip that ``skip_broken`` of a data set leaves out."""


def broken_data_error(path: str | Path, problem: str, remedy: str = REMEDY) -> BrokenDataError:
    """Return the error for ``path``: what is wrong with it and what to do."""
    return BrokenDataError(f'{path}: {problem}. {remedy}')


def require_file(path: str | Path) -> Path:
    """Return ``path`` if it is an existing file.

    Raises:
        FileNotFoundError: The file does not exist.
    """
    path = Path(path)
    if not path.is_file() and path.exists():
        raise FileNotFoundError(f'{path} is a folder or a pipe, expected a file. {REMEDY}')
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist. {REMEDY}')
    return path
