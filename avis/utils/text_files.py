"""Read a small text file, and say what it looks like if it is something else."""

import re
from pathlib import Path

MAX_BYTES = 64 * 2**20
"""Largest text file that is read; an hour of subtitles takes 0.1 MB."""

_LFS = b'version https://git-lfs.github.com/spec/'
_MAGIC = (
    (b'\x1f\x8b', 'a gzip archive; unpack it'),
    (b'PK\x03\x04', 'a zip archive; unpack it'),
    (b'\x89PNG', 'a PNG image'),
    (b'\xff\xd8\xff', 'a JPEG image'),
    (b'%PDF', 'a PDF document'),
    (b'\x1aE\xdf\xa3', 'a Matroska video'),
    (b'RIFF', 'a RIFF file such as WAV or AVI'),
    (b'\xff\xfe', 'text in UTF-16; save it as UTF-8'),
    (b'\xfe\xff', 'text in UTF-16; save it as UTF-8'),
)
_WEB_PAGE = re.compile(rb'\s*<(?:!doctype html|html|head|body|\?xml|script|!--)', re.IGNORECASE)


def looks_like(data: bytes) -> str | None:
    """What a file is that should be a text file, from its first bytes; None if it is text.

    >>> looks_like(b'<!DOCTYPE html><html>')
    'a web page, as of a failed download; fetch it again'
    >>> looks_like(b'SPEAKER a 1 0.0 1.0')
    """
    text = data[:4096].removeprefix(b'\xef\xbb\xbf')
    if not text.strip():
        return 'an empty file'
    if text.startswith(_LFS):
        return 'a pointer of Git LFS; fetch its content with `git lfs pull`'
    if _WEB_PAGE.match(text):
        return 'a web page, as of a failed download; fetch it again'
    known = next((kind for magic, kind in _MAGIC if text.startswith(magic)), None)
    if known is None and b'\0' in text:
        return 'a binary file'
    return known


def read_text_file(path: str | Path) -> str:
    """Read a text file in UTF-8, with or without a byte order mark.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is no regular file, larger than :data:`MAX_BYTES`, empty, not text, or in
            another encoding; the message names it and says what it looks like.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f'{path} does not exist.')
    if not path.is_file():
        raise ValueError(f'{path}: expected a file, got a folder or a pipe')
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f'{path}: expected a text file of at most {MAX_BYTES} bytes, got {size}')
    data = path.read_bytes()
    kind = looks_like(data)
    if kind is not None:
        raise ValueError(f'{path}: expected a text file, got {kind}')
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b'\n') + 1
        raise ValueError(
            f'{path}: expected text in UTF-8, got byte {data[error.start]:#04x} in line {line}; '
            f'save it as UTF-8'
        ) from error
