"""Results of stages on disk, under the hash of everything they depend on.

Files contain one JSON value per line, which the caller encodes and decodes. The last line has the
number and a hash of the lines before it: a file that this module has not written as it is, whether
truncated, damaged or of another origin, counts as absent, is named in the log and is made anew.
"""

import contextlib
import errno
import fcntl
import functools
import gzip
import hashlib
import json
import logging
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from avis import __version__
from avis.registry import MODELS
from avis.utils.atomic import atomic_path, remove_stale_parts, write_atomic
from avis.utils.file_names import safe_file_name

FORMAT = 2
"""Part of every key; increased when the results of a stage change their meaning or form."""

# A prepared file of 1 MB could fill 1 GB: longer contents count as damaged. Masks and boxes are
# compressed to a twentieth.
_MIN_LIMIT = 1 << 26  # bytes
_MAX_RATIO = 100


class StageCache:
    """One file per video, stage and key; a file that exists is complete.

    Args:
        folder: Root; each video has its own folder in it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def path(self, video: str, stage: str, key: str) -> Path:
        """File of a stage."""
        return self.folder / safe_file_name(video) / f'{stage}-{key[:16]}.json.gz'

    def load(self, path: Path) -> list[str] | None:
        """The lines of a finished stage; None if it is not finished or cannot be read."""
        try:
            limit = max(_MIN_LIMIT, _MAX_RATIO * path.stat().st_size)
            with gzip.open(path, 'rb') as file:
                content, end = _split_end(file.read(limit))
            finished = json.loads(end) == _end_mark(content.count(b'\n'), _new_hash(content))
            lines = content.decode('utf-8').split('\n')[:-1] if finished else None
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, EOFError, ValueError, RecursionError, zlib.error):
            lines = None
        if lines is None:
            _warn_damaged(path)
        return lines

    def save(self, path: Path, lines: Iterable[str]) -> Iterator[str]:
        """Yield the lines while writing them; the file gets its name after the last one."""
        stage = _StageWriter(path)
        try:
            for line in lines:
                stage.add(line)
                yield line
            stage.finish()
        finally:
            stage.close()

    def journal(self, path: Path, is_valid: Callable[[Any], bool] = lambda _: True) -> 'Journal':
        """A file that grows line by line, for stages that can be resumed; see :class:`Journal`."""
        return Journal(path.with_name(path.name.removesuffix('.json.gz') + '.jsonl'), is_valid)


def _split_end(data: bytes) -> tuple[bytes, bytes]:
    """The content without its last line, and the last line."""
    cut = data.rfind(b'\n') + 1
    return data[:cut], data[cut:]


def _end_mark(rows: int, content_hash: Any) -> dict[str, Any]:
    """What the last line of a file states of the lines before it."""
    return {'rows': rows, 'hash': content_hash.hexdigest()}


def _new_hash(content: bytes = b'') -> Any:
    return hashlib.blake2b(content, digest_size=16)


def _warn_damaged(path: Path) -> None:
    print_log(
        f'{path} is truncated, damaged or of another origin: its stage is repeated',
        logger='current',
        level=logging.WARNING,
    )


class _StageWriter:
    """Writes the file of a stage; if that fails, the stage goes on without being stored."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0
        self.hash = _new_hash()
        self.file: Any = None
        self._stack = contextlib.ExitStack()  # of the temporary file
        with _ignore_write_errors(path):
            part = self._stack.enter_context(atomic_path(path))
            file = gzip.open(part, 'wt', encoding='utf-8', compresslevel=3)  # noqa: SIM115
            self.file = file

    def add(self, line: str) -> None:
        """Write a line."""
        self._write(f'{line}\n')
        self.hash.update(f'{line}\n'.encode())
        self.count += 1

    def finish(self) -> None:
        """Write the end mark and give the file its name."""
        self._write(json.dumps(_end_mark(self.count, self.hash)))
        if self.file is None:
            return
        with _ignore_write_errors(self.path):
            self.file.close()
            self._stack.close()
            remove_stale_parts(self.path.parent, self.path.name)

    def close(self) -> None:
        """Close the file; an unfinished one is removed."""
        with contextlib.suppress(OSError):
            if self.file is not None:
                self.file.close()
        unfinished = InterruptedError()  # a block that fails leaves no file
        with contextlib.suppress(OSError):
            self._stack.__exit__(InterruptedError, unfinished, None)

    def _write(self, text: str) -> None:
        if self.file is None:
            return
        try:
            self.file.write(text)
        except OSError as error:
            _warn_once(self.path.parents[1], error.strerror or str(error))
            self.close()
            self.file = None


class Journal:
    """Lines that survive the end of the process; a truncated last line is left out.

    Lines count by their index: of two processes that continue the same file, the first one to add
    a line stores its results, and the other stores none.

    Args:
        path: The file.
        is_valid: Whether a parsed line is one that the caller wrote.
    """

    def __init__(self, path: Path, is_valid: Callable[[Any], bool] = lambda _: True) -> None:
        self.path, self.is_valid = path, is_valid
        self._complete = True
        self._size = 0  # of the file after the last line that is known here

    def lines(self) -> list[str]:
        """All complete and valid lines; the file is truncated before the first other one."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return []
        found, end = [], 0
        for line in content.splitlines(keepends=True):
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                break
            if not self.is_valid(value):
                _warn_damaged(self.path)
                break
            found.append(line.decode().rstrip('\r\n'))
            end += len(line)
        self._size = sum(len(line.encode()) + 1 for line in found)
        if end < len(content) or not content.endswith(b'\n'):
            with _ignore_write_errors(self.path):
                write_atomic(self.path, ''.join(f'{line}\n' for line in found))
        return found

    def add(self, line: str) -> None:
        """Append a line; it is on the disk when this returns."""
        if not self._complete:  # none may follow a missing one
            return
        self._complete = False
        with _ignore_write_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open('ab') as file:
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.lockf(file, fcntl.LOCK_EX)
                if file.seek(0, os.SEEK_END) != self._size:
                    raise BlockingIOError(errno.EAGAIN, f'another process writes {self.path.name}')
                self._size += file.write(f'{line}\n'.encode())
                file.flush()
                os.fsync(file.fileno())
            self._complete = True


@contextlib.contextmanager
def _ignore_write_errors(path: Path) -> Iterator[None]:
    """Log errors of a folder that is read-only or full; finished work must not be lost."""
    try:
        yield
    except OSError as error:
        _warn_once(path.parents[1], error.strerror or str(error))


@functools.cache
def _warn_once(folder: Path, reason: str) -> None:
    """Warn once per folder and reason."""
    print_log(
        f'{folder} cannot be written ({reason}): stages are not stored there, and an interrupted '
        f'run will repeat them; set another cache_dir',
        logger='current',
        level=logging.WARNING,
    )


def digest(*values: Any) -> str:
    """Hash of JSON-ready values.

    >>> digest('a', 1) == digest('a', 1), digest('a', 1) == digest('a', 2)
    (True, False)
    """
    text = json.dumps([FORMAT, __version__, *values], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def describe(part: Any) -> Any:
    """Settings of a component, JSON-ready: its config, or the public plain values of an object.

    Arguments named in the class attribute ``not_in_cache_key`` change no result and are left out.
    """
    if isinstance(part, Mapping):
        kind = part.get('type')
        known = MODELS.get(kind) if isinstance(kind, str) else kind
        skipped = getattr(known, 'not_in_cache_key', ())
        rest = {key: describe(value) for key, value in part.items() if key not in skipped}
        return {**rest, 'type': name_of(known or kind)} if kind is not None else rest
    if isinstance(part, list | tuple):
        return [describe(value) for value in part]
    if part is None or isinstance(part, str | int | float | bool):
        return part
    if isinstance(part, Path):
        return str(part)
    if isinstance(part, type):
        return name_of(part)
    skipped = getattr(part, 'not_in_cache_key', ())
    public = {
        key: describe(value)
        for key, value in sorted(getattr(part, '__dict__', {}).items())
        if not key.startswith('_') and key not in skipped
    }
    return {**public, 'type': name_of(type(part))}


def name_of(kind: Any) -> str:
    """Dotted name of a class or function."""
    return kind if isinstance(kind, str) else f'{kind.__module__}.{kind.__qualname__}'


def file_keys(part: Any, video: str) -> list[str]:
    """The ``content_key`` of a component and of those inside of it, for the files of a video."""
    keys = []
    own = getattr(part, 'content_key', None)
    if callable(own):
        keys.append(str(own(video)))
    for value in getattr(part, '__dict__', {}).values():
        for inner in value if isinstance(value, list | tuple) else [value]:
            if hasattr(inner, 'content_key'):
                keys += file_keys(inner, video)
    return keys
