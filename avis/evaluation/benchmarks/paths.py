"""Check the paths of an evaluation; the error names what is expected and, if found, its path."""

from collections.abc import Iterable
from pathlib import Path

_MOST = 3


def check_file(path: Path, expected: str, candidates: Iterable[Path] = ()) -> None:
    """Check that a path is a file.

    Args:
        path: The path that the user gave.
        expected: What it should be.
        candidates: What the user may have meant; those that exist are named.

    Raises:
        FileNotFoundError: It is none.
    """
    if not path.is_file():
        kind = 'is a folder' if path.is_dir() else 'does not exist'
        raise wrong_path(path, kind, expected, candidates)


def check_folder(path: Path, expected: str, candidates: Iterable[Path] = ()) -> None:
    """Check that a path is a folder; arguments and errors as in :func:`check_file`."""
    if not path.is_dir():
        kind = 'is a file, not a folder' if path.is_file() else 'does not exist'
        raise wrong_path(path, kind, expected, candidates)


def wrong_path(
    path: Path, problem: str, expected: str, candidates: Iterable[Path]
) -> FileNotFoundError:
    """The error for a wrong path; arguments as in :func:`check_file`.

    >>> str(wrong_path(Path('data'), 'is a folder', 'the file test.json', [Path('/')]))
    'data is a folder; expected the file test.json. Use /'
    """
    found = [str(candidate) for candidate in candidates if candidate.exists()]
    use = f'. Use {" or ".join(found[:_MOST])}' if found else ''
    return FileNotFoundError(f'{path} {problem}; expected {expected}{use}')
