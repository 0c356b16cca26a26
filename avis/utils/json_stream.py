"""Go through the lists of a JSON file element by element, and come back to single elements later.

A results.json over all videos of a benchmark may be far larger than memory wants to hold. Here only
the places of its elements are kept, and each element is parsed again when its video is due. msgspec
parses, and skips what is not asked for, several times faster than the standard library; what it
does not take, such as NaN, the standard library reads.
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
_MAY_GO_ON = '+-.eE0123456789'  # also '', the end of the window
_GZIP = b'\x1f\x8b'
# From the end of one object of a list up to the first key of the next.
_BETWEEN = re.compile(r'\}\s*,\s*\{\s*"[^"\\]*"')
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOT_TAKEN = (msgspec.DecodeError, RecursionError)


class Element(NamedTuple):
    """One element of a list in a JSON file, or a value that is no list.

    Attributes:
        key: Key of the list in the object at the top; None if the list is the top.
        value: The parsed element.
        start: Position of its first byte.
        end: Position behind its last byte.
    """

    key: str | None
    value: Any
    start: int
    end: int


class JsonStream:
    """A JSON file whose top is a list, or an object with lists; may be compressed with gzip.

    A compressed file is unpacked into a temporary one as long as this object is open. It may be
    pickled for another process, where it reads but does not delete.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is compressed, but broken.
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
        """Delete the unpacked copy, if there is one."""
        if self._owned:
            self._plain.unlink(missing_ok=True)
            self._owned = False

    def elements(self, *, skip: Collection[str] = ()) -> Iterator[Element]:
        """All elements of all lists, in the order of the file.

        Args:
            skip: Fields that are not needed now: their value may be left out, that is None.

        Raises:
            ValueError: The file is no JSON; the message names the byte.
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
    """Parses a file through a window; Latin-1 makes one character of every byte."""

    def __init__(self, file: BinaryIO, path: Path, skip: Collection[str]) -> None:
        self.file, self.path, self.skip = file, path, skip
        self.window, self.offset, self.place = '', 0, 0
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
        self.place += 1
        while self._next() != '}':
            key = self._value()[0]
            self._take(':')
            if self._next() == '[':
                yield from self._list(key)
            else:
                yield Element(key, *self._value())
            if self._next() != '}':
                self._take(',')
        self.place += 1

    def _list(self, key: str | None) -> Iterator[Element]:
        self.place += 1
        between = ''
        while self._next() != ']':
            quick = self._object_before(between) if between else None
            yield Element(key, *(quick or self._value()))
            if quick is None:
                # A guess of what follows the next one; a wrong one costs time only.
                found = _BETWEEN.match(self.window, self.place - 1)
                between = found[0] if found else ''
            if self._next() != ']':
                self._take(',')
        self.place += 1

    def _object_before(self, between: str) -> tuple[Any, int, int] | None:
        """The same as :meth:`_value`, if what begins here is an object and ``between`` follows it.

        If all up to there is one valid object, it is the one that begins here.
        """
        end = self.window.find(between, self.place)
        if end < 0 and not self.at_end:
            self._grow()
            end = self.window.find(between, self.place)
        text = self.window[self.place : end + 1]
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
        start, self.place = self.place, end + 1
        return value, self.offset + start, self.offset + end + 1

    def _value(self) -> tuple[Any, int, int]:
        """The value that begins here, and where it begins and ends in the file."""
        self._next()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.window, self.place)
            except json.JSONDecodeError as error:
                if self.at_end:
                    raise self._error(error.msg, error.pos) from error
            else:
                # A number that ends with the window, or before '.' or 'e', may go on behind it.
                if self.at_end or self.window[end : end + 1] not in _MAY_GO_ON:
                    start, self.place = self.place, end
                    text = self.window[start:end]
                    if not text.isascii():
                        value = json.loads(text.encode('latin-1'))
                    return value, self.offset + start, self.offset + end
            self._grow()

    def _next(self) -> str:
        """The next character that is no blank, '' at the end; it is not consumed."""
        while True:
            while self.place < len(self.window):
                if self.window[self.place] not in ' \t\r\n':
                    return self.window[self.place]
                self.place += 1
            if self.at_end:
                return ''
            self._grow()

    def _take(self, character: str) -> None:
        if self._next() != character:
            raise self._error(f'expected {character!r}')
        self.place += 1

    def _grow(self) -> None:
        """Drop what was consumed and read at least as much as is left."""
        left = self.window[self.place :]
        data = self.file.read(max(_CHUNK, len(left)))
        self.at_end = not data
        self.offset += self.place
        self.window, self.place = left + data.decode('latin-1'), 0

    def _error(self, problem: str, place: int | None = None) -> ValueError:
        byte = self.offset + (self.place if place is None else place)
        return ValueError(f'{self.path} is not valid JSON: {problem} at byte {byte}')
