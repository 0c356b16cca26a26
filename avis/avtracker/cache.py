"""Results of stages on disk, under the hash of what went into them."""

import contextlib
import functools
import gzip
import hashlib
import json
import logging
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from avis import __version__
from avis.registry import MODELS

FORMAT = 1
"""Part of every key; raised when the results of a stage change their meaning or form."""

# Of most file systems 255 bytes; endings and the mark of an unfinished file come on top.
_LONGEST_NAME = 200


class StageCache:
    """One file per video, stage and key; a file that exists is complete.

    Args:
        folder: Where; each video has its own folder in it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def path(self, video: str, stage: str, key: str) -> Path:
        """File of a stage."""
        return self.folder / file_name(video) / f'{stage}-{key[:16]}.json.gz'

    def load(self, path: Path) -> list[Any] | None:
        """The rows of a finished stage; None if it is not finished or cannot be read."""
        try:
            with gzip.open(path, 'rt', encoding='utf-8') as file:
                *rows, end = [json.loads(line) for line in file]
        except (OSError, EOFError, ValueError, zlib.error):
            return None
        return rows if end == {'rows': len(rows)} else None

    def save(self, path: Path, rows: Iterable[Any]) -> Iterator[Any]:
        """Pass the rows on while writing them; the file gets its name after the last one."""
        stage = _Stage(path)
        try:
            for row in rows:
                stage.add(row)
                yield row
            stage.finish()
        finally:
            stage.leave()

    def journal(self, path: Path) -> 'Journal':
        """A file that grows row by row, for stages that can go on where they stopped."""
        return Journal(path.with_name(path.name.removesuffix('.json.gz') + '.jsonl'))


class _Stage:
    """A stage while it is written; where nothing can be written, nothing is kept."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0
        self.part = path.with_name(f'{path.name}.{os.getpid()}.part')
        self.file: Any = None
        with _as_far_as_possible(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = gzip.open(self.part, 'wt', encoding='utf-8', compresslevel=3)  # noqa: SIM115
            self.file = file

    def add(self, row: Any) -> None:
        """Write a row."""
        self._write(f'{json.dumps(row)}\n')
        self.count += 1

    def finish(self) -> None:
        """Give the file its name."""
        self._write(json.dumps({'rows': self.count}))
        if self.file is None:
            return
        with _as_far_as_possible(self.path):
            self.file.close()
            with self.part.open('rb') as written:
                os.fsync(written.fileno())
            self.part.replace(self.path)
            for left in self.path.parent.glob(f'{self.path.name}.*.part'):
                pid = left.suffixes[-2][1:]
                if pid.isdigit() and not _is_alive(int(pid)):
                    left.unlink(missing_ok=True)

    def leave(self) -> None:
        """Leave nothing unfinished."""
        with contextlib.suppress(OSError):
            if self.file is not None:
                self.file.close()
        with contextlib.suppress(OSError):
            self.part.unlink(missing_ok=True)

    def _write(self, text: str) -> None:
        if self.file is None:
            return
        try:
            self.file.write(text)
        except OSError as error:
            _tell(self.path.parents[1], error.strerror or str(error))
            self.leave()
            self.file = None


class Journal:
    """Rows that stay whatever happens to the process; a last row that was cut is left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._whole = True

    def rows(self) -> list[Any]:
        """All whole rows; the file is cut after the last of them."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return []
        found, end = [], 0
        for line in content.splitlines(keepends=True):
            try:
                found.append(json.loads(line))
            except ValueError:
                break
            end += len(line)
        if end < len(content) or not content.endswith(b'\n'):
            with _as_far_as_possible(self.path):
                write_atomic(self.path, ''.join(f'{json.dumps(row)}\n' for row in found))
        return found

    def add(self, row: Any) -> None:
        """Append a row; it is on the disk when this returns."""
        if not self._whole:  # rows count by their places: none may follow one that is missing
            return
        text, self._whole = f'{json.dumps(row)}\n', False
        with _as_far_as_possible(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open('a', encoding='utf-8') as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            self._whole = True


def _is_alive(pid: int) -> bool:
    """Whether a process of this machine still runs, so that its unfinished file is wanted."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        pass
    return True


@contextlib.contextmanager
def _as_far_as_possible(path: Path) -> Iterator[None]:
    """A folder that is read-only or full must not cost the work that is done."""
    try:
        yield
    except OSError as error:
        _tell(path.parents[1], error.strerror or str(error))


@functools.cache
def _tell(folder: Path, reason: str) -> None:
    """Say once what is wrong."""
    print_log(
        f'{folder} cannot be written ({reason}): stages are not kept there, a run that is '
        f'interrupted will repeat them. Name another cache_dir.',
        logger='current',
        level=logging.WARNING,
    )


def file_name(video: str) -> str:
    """The name of a video for its files, without an ending; one that cannot be is hashed.

    >>> file_name('talk.v1'), file_name('../talk')
    ('talk.v1', '_talk-772a1849')
    """
    plain = video.replace(os.sep, '_').lstrip('.') or 'video'
    if plain == video and len(os.fsencode(plain)) <= _LONGEST_NAME:
        return plain
    key = hashlib.blake2b(os.fsencode(video), digest_size=4).hexdigest()
    return f'{plain[:40]}-{key}'


def write_atomic(path: Path, text: str) -> None:
    """Write a file of JSON that appears only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    # Half a pair of surrogates, as a reply may hold it, is no UTF-8; JSON knows it as \udcff.
    part.write_text(text, encoding='utf-8', errors='backslashreplace')
    part.replace(path)


def digest(*values: Any) -> str:
    """Hash of JSON-ready values.

    >>> digest('a', 1) == digest('a', 1), digest('a', 1) == digest('a', 2)
    (True, False)
    """
    text = json.dumps([FORMAT, __version__, *values], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def describe(part: Any) -> Any:
    """What a part is made of, JSON-ready: its config, or the public plain values of an object.

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
    """The ``content_key`` of a part and of the parts inside of it, for what they read by video."""
    keys = []
    own = getattr(part, 'content_key', None)
    if callable(own):
        keys.append(str(own(video)))
    for value in getattr(part, '__dict__', {}).values():
        for inner in value if isinstance(value, list | tuple) else [value]:
            if hasattr(inner, 'content_key'):
                keys += file_keys(inner, video)
    return keys
