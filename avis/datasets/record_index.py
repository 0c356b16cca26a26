"""Index file of the records of a data set: built once, then mapped into memory.

A data set of a million videos takes minutes and gigabytes to build from its annotations. The index
contains its records one after the other, and their ends; processes share the pages that they read.
"""

import hashlib
import os
import pickle
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.utils.atomic import atomic_path

_MAGIC = b'avisidx1'
_BLOCK = 2**20
_FOOTER = struct.Struct('<8sQQQ')  # magic, bytes of the records, bytes of the state, records


@dataclass(frozen=True)
class RecordIndex:
    """An open index.

    Attributes:
        records: All records as mmengine's ``BaseDataset`` serializes them, uint8, mapped.
        ends: End of each record in ``records``, int64, mapped.
        state: What else the data set read from its annotations.
    """

    records: NDArray[np.uint8]
    ends: NDArray[np.int64]
    state: Mapping[str, Any]


def open_index(path: Path, key: str) -> RecordIndex | None:
    """Map an index; None if there is none, or its key differs.

    An index is unpickled like a checkpoint: use only files that you have written.
    """
    if not path.is_file():
        return None
    size = path.stat().st_size
    with path.open('rb') as file:
        file.seek(max(size - _FOOTER.size, 0))
        footer = file.read()
        if len(footer) < _FOOTER.size or not footer.startswith(_MAGIC):
            return None
        _, num_bytes, num_state, count = _FOOTER.unpack(footer)
        file.seek(num_bytes + 8 * count)
        found, state = pickle.loads(file.read(num_state))
    if found != key:
        return None
    records = np.memmap(path, np.uint8, 'r', shape=(num_bytes,))
    ends = np.memmap(path, np.int64, 'r', offset=num_bytes, shape=(count,))
    return RecordIndex(records, ends, state)


def write_index(
    path: Path, key: str, records: Iterable[Mapping[str, Any]], state: Mapping[str, Any]
) -> None:
    """Write an index, record by record.

    Raises:
        ValueError: There is no record.
    """
    ends: list[int] = []
    with atomic_path(path) as part, part.open('wb') as file:
        for record in records:
            file.write(pickle.dumps(record, protocol=4))
            ends.append(file.tell())
        if not ends:
            raise ValueError(f'{path}: expected at least one record, got none')
        padding = -ends[-1] % 8  # so that the ends are aligned
        file.write(bytes(padding))
        file.write(np.array(ends, '<i8').tobytes())
        content = pickle.dumps((key, dict(state)), protocol=4)
        file.write(content)
        file.write(_FOOTER.pack(_MAGIC, ends[-1] + padding, len(content), len(ends)))


def key_of(settings: Mapping[str, Any], files: Iterable[Path]) -> str:
    """Hash of the arguments of a data set and of the content of its annotation files.

    Args:
        settings: Names and plain values.
        files: Annotation files; of a folder all files below it count.
    """
    total = hashlib.sha256(repr(sorted(settings.items())).encode())
    for path in files:
        inside = sorted(path.rglob('*')) if path.is_dir() else [path]
        for file in inside:
            if file.is_file():
                total.update(f'{os.fspath(file)} {file.stat().st_size} '.encode())
                with file.open('rb') as opened:
                    while block := opened.read(_BLOCK):
                        total.update(block)
    return total.hexdigest()
