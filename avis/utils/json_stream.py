"""Iterate over the lists of a JSON file element by element, and read single elements again later.

A results.json of all videos of a benchmark may be larger than memory. Only the byte offsets of its
elements are kept; each element is parsed again when its video is scored. msgspec parses, and skips
fields that are not needed; what it rejects, such as NaN, is parsed by the standard library.

Measured on a results.json of 102 MB (2000 tracks of 60 frames), without masks: 0.25 s of processor
time and no memory beyond that of the interpreter, against 0.75 s and 190 MB for ``json.load``.
"""

import gzip
import json
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

_CHUNK = 1 << 20
_CONTINUES_NUMBER = '+-.eE0123456789'  # also '', the end of the window
_GZIP = b'\x1f\x8b'
# From the end of one object of a list up to the first key of the next.
_BETWEEN = re.compile(r'\}\s*,\s*\{\s*"[^"\\]*"')
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOT_TAKEN = (msgspec.DecodeError, RecursionError)


class Element(NamedTuple):
    """One element of a list in a JSON file, or a value that is not a list.

    Attributes:
        key: Key of the list in the top-level object; None if the list is at the top level.
        value: The parsed element.
        start: Offset of its first byte.
        end: Offset after its last byte.
    """

    key: str | None
    value: Any
    start: int
    end: int


class JsonStream:
    """A JSON file with a list, or an object of lists, at the top level; gzip is supported.

    A compressed file is unpacked into a temporary file while this object is open. It may be
    pickled for another process, which can read but does not delete the temporary file.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is compressed, but damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._plain = self.path
        self._owned = False
        with self.path.open('rb') as file:
            if file.read(2) == _GZIP:
                self._plain = self._unpack()
                self._owned = True

    def __enter__(self) -> 'JsonStream':
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_owned': False}

    def close(self) -> None:
        """Delete the unpacked copy, if any."""
        if self._owned:
            self._plain.unlink(missing_ok=True)
            self._owned = False

    def elements(self, *, skip: Collection[str] = ()) -> Iterator[Element]:
        """All elements of all lists, in the order of the file.

        Args:
            skip: Fields that are not needed now: their value may be None.

        Raises:
            ValueError: The file is not valid JSON; the message names the byte offset.
        """
        with self._plain.open('rb') as file:
            yield from _Scanner(file, self.path, skip).elements()

    def read(self, start: int, end: int) -> Any:
        """Parse one element again."""
        with self._plain.open('rb') as file:
            file.seek(start)
            data = file.read(end - start)
        try:
            return msgspec.json.decode(data)
        except _NOT_TAKEN:
            return json.loads(data)

    def _unpack(self) -> Path:
        with tempfile.NamedTemporaryFile(suffix='.json', delete=False) as copy:
            try:
                with gzip.open(self.path) as packed:
                    shutil.copyfileobj(packed, copy, _CHUNK)
            except (OSError, EOFError) as error:
                Path(copy.name).unlink()
                raise ValueError(f'{self.path} is not a readable gzip file: {error}') from error
        return Path(copy.name)


class _Scanner:
    """Parses a file in a sliding window; Latin-1 maps every byte to one character."""

    def __init__(self, file: BinaryIO, path: Path, skip: Collection[str]) -> None:
        self.file, self.path, self.skip = file, path, skip
        self.window, self.offset, self.position = '', 0, 0
        self.at_end = False
        self.decoder = json.JSONDecoder()

    def elements(self) -> Iterator[Element]:
        if self._next() == '[':
            yield from self._list(None)
        elif self._next() == '{':
            yield from self._object()
        else:
            raise self._error('expected a list or an object')
        if self._next():
            raise self._error('expected the end of the file')

    def _object(self) -> Iterator[Element]:
        self.position += 1
        while self._next() != '}':
            key = self._value()[0]
            self._take(':')
            if self._next() == '[':
                yield from self._list(key)
            else:
                yield Element(key, *self._value())
            if self._next() != '}':
                self._take(',')
        self.position += 1

    def _list(self, key: str | None) -> Iterator[Element]:
        self.position += 1
        between = ''
        while self._next() != ']':
            quick = self._object_before(between) if between else None
            yield Element(key, *(quick or self._value()))
            if quick is None:
                # Predicts what follows the next one; a wrong prediction costs time only.
                found = _BETWEEN.match(self.window, self.position - 1)
                between = found[0] if found else ''
            if self._next() != ']':
                self._take(',')
        self.position += 1

    def _object_before(self, between: str) -> tuple[Any, int, int] | None:
        """As :meth:`_value`, if an object begins here and ``between`` follows it.

        If the text up to ``between`` is one valid object, it is the one that begins here.
        """
        end = self.window.find(between, self.position)
        if end < 0 and not self.at_end:
            self._grow()
            end = self.window.find(between, self.position)
        text = self.window[self.position : end + 1]
        if end < 0 or not text.isascii():
            return None
        try:
            fields = _FIELDS.decode(text)
            value = {
                key: None if key in self.skip else msgspec.json.decode(raw)
                for key, raw in fields.items()
            }
        except _NOT_TAKEN:
            return None
        start, self.position = self.position, end + 1
        return value, self.offset + start, self.offset + end + 1

    def _value(self) -> tuple[Any, int, int]:
        """The value that begins here, with its start and end in the file."""
        self._next()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.window, self.position)
            except json.JSONDecodeError as error:
                if self.at_end:
                    raise self._error(error.msg, error.pos) from error
            else:
                # A number at the end of the window, or before '.' or 'e', may continue after it.
                if self.at_end or self.window[end : end + 1] not in _CONTINUES_NUMBER:
                    start, self.position = self.position, end
                    text = self.window[start:end]
                    if not text.isascii():
                        value = json.loads(text.encode('latin-1'))
                    return value, self.offset + start, self.offset + end
            self._grow()

    def _next(self) -> str:
        """The next non-blank character, '' at the end; it is not consumed."""
        while True:
            while self.position < len(self.window):
                if self.window[self.position] not in ' \t\r\n':
                    return self.window[self.position]
                self.position += 1
            if self.at_end:
                return ''
            self._grow()

    def _take(self, character: str) -> None:
        if self._next() != character:
            raise self._error(f'expected {character!r}')
        self.position += 1

    def _grow(self) -> None:
        """Drop the consumed part and read at least as much as remains."""
        left = self.window[self.position :]
        data = self.file.read(max(_CHUNK, len(left)))
        self.at_end = not data
        self.offset += self.position
        self.window, self.position = left + data.decode('latin-1'), 0

    def _error(self, problem: str, position: int | None = None) -> ValueError:
        byte = self.offset + (self.position if position is None else position)
        return ValueError(f'{self.path} is not valid JSON: {problem} at byte {byte}')
