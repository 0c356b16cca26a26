"""Download files over HTTP: an interrupted download continues, and the content is checked."""

import hashlib
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from avis.utils.atomic import SUFFIX

_BLOCK = 1 << 20
_TIMEOUT = 30.0

Progress = Callable[[int, int | None], None]
"""Called with the number of bytes that are there and of all bytes, None if unknown."""


def download_file(
    url: str,
    path: str | Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Download a file, unless it is there; a part from an interrupted download is continued.

    Args:
        url: Address; redirections are followed.
        path: File to write; it appears only when it is complete and checked. Its part is
            ``<path>.part``.
        size: Its number of bytes, if known.
        sha256: Its SHA-256, or the first digits of it.
        progress: Shows the progress.

    Returns:
        ``path``.

    Raises:
        ConnectionError: The address cannot be reached or answers with an error.
        ValueError: The content is another one than expected; it is removed.
    """
    target = Path(path)
    if target.is_file():
        check_content(target, size=size, sha256=sha256)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f'{target.name}{SUFFIX}')
    _fetch(url, part, progress)
    try:
        check_content(part, size=size, sha256=sha256)
    except ValueError:
        part.unlink()
        raise
    part.replace(target)
    return target


def check_content(path: Path, *, size: int | None = None, sha256: str | None = None) -> None:
    """Raise ValueError unless a file has this size and this SHA-256, or these first digits."""
    found = path.stat().st_size
    if size is not None and found != size:
        raise ValueError(
            f'{path}: expected {size} bytes, got {found}; remove it and fetch it again'
        )
    if sha256 is None:
        return
    digest = _sha256(path)
    if not digest.startswith(sha256.lower()):
        raise ValueError(
            f'{path}: expected SHA-256 {sha256}, got {digest[: len(sha256)]}; remove it and fetch '
            f'it again'
        )


def _sha256(path: Path) -> str:
    """The SHA-256 of a file of any size."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _fetch(url: str, part: Path, progress: Progress | None) -> None:
    """Append to a part what it lacks."""
    import httpx

    there = part.stat().st_size if part.is_file() else 0
    headers = {'Accept-Encoding': 'identity'}
    if there:
        headers['Range'] = f'bytes={there}-'
    try:
        with httpx.stream(
            'GET', url, headers=headers, follow_redirects=True, timeout=_TIMEOUT
        ) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # nothing is lacking; a part that is too long fails the check
            response.raise_for_status()
            if response.status_code != HTTPStatus.PARTIAL_CONTENT:
                there = 0  # the server sends everything
            length = response.headers.get('Content-Length')
            total = None if length is None else there + int(length)
            with part.open('ab' if there else 'wb') as file:
                for block in response.iter_raw():
                    file.write(block)
                    if progress is not None:
                        progress(file.tell(), total)
    except httpx.HTTPError as error:
        raise ConnectionError(
            f'{url} cannot be fetched ({error or type(error).__name__})'
        ) from error
