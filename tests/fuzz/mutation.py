"""Damage a valid file: bytes, lines of text, nodes of JSON, or chunks of PNG."""

import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    72,
    2**31,
    2**63,
    10**40,
    0.5,
    1e300,
    float('nan'),
    float('inf'),
    '',
    '0',
    'x',
    'é\u0000',
    [],
    {},
    [[]],
    [None],
    {'a': 1},
)
_WORDS = (
    '-->',
    '00:00:01.000',
    '\n\n',
    '\n \n',
    'NaN',
    '<NA>',
    '-1',
    '9' * 30,
    '<',
    '{',
    '[',
    ',',
    '\r',
    '\0',
)
_PARTS = (b'\0', b'\xff', b'\0\0\0\0', b'\xff\xff\xff\xff', b'\x7f\xff\xff\xff', b'\x80\0\0\0')


def mutate(data: bytes, suffix: str, rng: random.Random) -> bytes:
    """One damaged version of a file.

    Args:
        data: Content of a valid file.
        suffix: Suffix of its name; chooses the ways to damage it.
        rng: The only source of chance.
    """
    ways = _WAYS.get(suffix, (_bytes,))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(ways)(data, rng)
    return data


def _bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip, overwrite, insert, delete, repeat or cut off bytes."""
    content = bytearray(data)
    position = rng.randrange(len(content) + 1)
    length = rng.choice((1, 1, 4, 16, 200))
    way = rng.randrange(7)
    if way == 0 and content:
        for _ in range(rng.randint(1, 8)):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif way == 1:
        part = rng.choice(_PARTS)
        content[position : position + len(part)] = part
    elif way == 2:
        content[position:position] = rng.choice((*_PARTS, rng.randbytes(length)))
    elif way == 3:
        del content[position : position + length]
    elif way == 4:
        content[position:position] = content[position : position + length] * rng.randint(1, 50)
    elif way == 5:
        del content[position:]
    else:
        start = min(position, rng.randrange(64))  # most headers are short
        content[start : start + length] = rng.randbytes(length)
    return bytes(content)


def _lines(data: bytes, rng: random.Random) -> bytes:
    """Change a word or a line of a text."""
    lines = data.decode('utf-8', 'replace').split('\n')
    index = rng.randrange(len(lines))
    way = rng.randrange(5)
    if way == 0:
        words = lines[index].split(' ')
        words[rng.randrange(len(words))] = rng.choice(_WORDS)
        lines[index] = ' '.join(words)
    elif way == 1:
        lines[index] += rng.choice(_WORDS) * rng.choice((1, 1, 3000))
    elif way == 2:
        del lines[index]
    elif way == 3:
        lines[index:index] = [rng.choice((*_WORDS, *lines))] * rng.choice((1, 1, 500))
    else:
        other = rng.randrange(len(lines))
        lines[index], lines[other] = lines[other], lines[index]
    return '\n'.join(lines).encode()


def _json(data: bytes, rng: random.Random) -> bytes:
    """Replace, remove or rename a node of JSON, or nest it deeply."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return _bytes(data, rng)
    places = list(_places(value))
    if not places or rng.random() < 0.03:
        return rng.choice((b'[' * 50_000, json.dumps(rng.choice(_VALUES)).encode(), b''))
    holder, key = rng.choice(places)
    if rng.random() < 0.7:
        holder[key] = rng.choice(_VALUES)
    elif rng.random() < 0.5:
        del holder[key]
    elif isinstance(holder, dict):
        holder[rng.choice(('', 'x', f'{key} '))] = holder.pop(key)
    else:
        holder.insert(key, rng.choice((*_VALUES, holder[key])))
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """All containers with their keys or indices."""
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for key, item in pairs:
        yield value, key
        yield from _places(item)


def _png(data: bytes, rng: random.Random) -> bytes:
    """Change the content of a chunk, or the chunks, with right checksums."""
    chunks, position = [], 8
    while position + 12 <= len(data):
        length, name = struct.unpack_from('>I4s', data, position)
        chunks.append((name, data[position + 8 : position + 8 + length]))
        position += 12 + length
    if not chunks:
        return _bytes(data, rng)
    index = rng.randrange(len(chunks))
    name, content = chunks[index]
    way = rng.randrange(5)
    if way == 0:
        chunks[index] = (name, _bytes(content, rng))
    elif way == 1:
        del chunks[index]
    elif way == 2:
        chunks.insert(index, rng.choice([*chunks, (b'iCCP', b'x\0\0'), (b'tEXt', b'a\0b')]))
    elif way == 3:
        rng.shuffle(chunks)
    elif name == b'IDAT':
        try:
            rows = zlib.decompressobj().decompress(content, 1 << 20)
        except zlib.error:
            return _bytes(data, rng)
        chunks[index] = (name, zlib.compress(_bytes(rows, rng)))
    return data[:8] + b''.join(
        len(content).to_bytes(4, 'big')
        + name
        + content
        + zlib.crc32(name + content).to_bytes(4, 'big')
        for name, content in chunks
    )


_Way = Callable[[bytes, random.Random], bytes]
_WAYS: dict[str, tuple[_Way, ...]] = {
    '.png': (_bytes, _png, _png),
    '.json': (_bytes, _json, _json, _json),
    **dict.fromkeys(('.srt', '.vtt', '.rttm', '.csv', '.py', '.txt'), (_bytes, _lines, _lines)),
}
