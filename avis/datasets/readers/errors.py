"""The one kind of error that says: this file is broken, the program is not."""

from pathlib import Path

WAY_OUT = (
    'Fetch the file again; tools/dataset_tools/check_dataset.py CONFIG lists every such file, and '
    'skip_broken=True of the data set goes on without them.'
)


class BrokenDataError(ValueError):
    """A file of the data set cannot be used.

    It takes one message, so that it keeps its type on the way from a worker of the data loader.
    """


def broken_data_error(path: str | Path, problem: str, way_out: str = WAY_OUT) -> BrokenDataError:
    """The error for ``path``: what is wrong with it and what to do."""
    return BrokenDataError(f'{path}: {problem}. {way_out}')


def require_file(path: str | Path) -> Path:
    """``path`` if such a file exists.

    Raises:
        FileNotFoundError: It does not.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist. {WAY_OUT}')
    return path
