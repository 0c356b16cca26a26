"""Names of files: made from the names of videos, and in natural order."""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

# Most file systems allow 255 bytes; suffixes and the mark of a temporary file are added to it.
_MAX_BYTES = 200


def safe_file_name(name: str) -> str:
    """File name, without suffix, for any name; different names get different file names.

    A name that is a valid file name stays as it is. Of others (separators, a leading dot, more than
    200 bytes, empty) the first 40 valid characters are kept and a hash is appended.

    >>> safe_file_name('talk.v1'), safe_file_name('../talk')
    ('talk.v1', '_talk-772a1849')
    """
    plain = name.replace('/', '_').replace('\\', '_').lstrip('.') or 'video'
    if plain == name and len(os.fsencode(plain)) <= _MAX_BYTES:
        return plain
    key = hashlib.blake2b(os.fsencode(name), digest_size=4).hexdigest()
    return f'{plain[:40]}-{key}'


def path_inside(folder: str | Path, name: str) -> Path:
    """Path of a file or folder whose name comes from a data file; subfolders are allowed.

    Raises:
        ValueError: The name leads out of the folder.
    """
    path, root = (
        Path(os.path.normpath(each.absolute())) for each in (Path(folder) / name, Path(folder))
    )
    if path == root or not path.is_relative_to(root):
        raise ValueError(
            f'{name!r}: expected the name of something inside of {folder}, got one that leads out '
            f'of it; correct the annotation files'
        )
    return Path(os.path.normpath(Path(folder) / name))


def natural_key(name: str) -> tuple[Any, ...]:
    """Sort key by which numbers in names count as numbers.

    >>> sorted(['10.png', '2.png', '1.png', '02.png'], key=natural_key)
    ['1.png', '02.png', '2.png', '10.png']
    """
    parts = re.split('([0-9]+)', name)
    # The number of digits and the digits themselves order numbers of any length.
    numbers = [part.lstrip('0') for part in parts[1::2]]
    return parts[::2][0], *_interleave(numbers, parts[2::2]), name


def _interleave(numbers: list[str], texts: list[str]) -> list[Any]:
    pairs = zip(numbers, texts, strict=True)
    return [value for number, text in pairs for value in (len(number), number, text)]
