"""Downloads continue, and their content is checked; a local server sends the files."""

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from avis.utils.download import download_file

CONTENT = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Sends CONTENT; ``/cut`` loses the connection after a third of what it should send."""

    def do_GET(self) -> None:
        self.server.requests.append(self.headers.get('Range'))
        if self.path == '/missing':
            self.send_error(404)
            return
        start = re.fullmatch(r'bytes=(\d+)-', self.headers.get('Range', ''))
        first = int(start[1]) if start and self.path != '/no_ranges' else 0
        if first >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        self.send_header('Content-Length', str(len(CONTENT) - first))
        self.end_headers()
        rest = CONTENT[first:]
        self.wfile.write(rest[: len(rest) // 3] if self.path == '/cut' else rest)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.requests = []
    server.url = f'http://127.0.0.1:{server.server_port}'
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_file_appears_complete_and_is_not_fetched_twice(server, tmp_path: Path) -> None:
    calls: list[tuple[int, int | None]] = []
    path = tmp_path / 'new' / 'w.pth'
    for _ in range(2):
        fetched = download_file(
            f'{server.url}/w.pth',
            path,
            size=len(CONTENT),
            sha256=DIGEST[:8],
            progress=lambda *call: calls.append(call),
        )
        assert fetched.read_bytes() == CONTENT
    assert server.requests == [None]
    assert calls[-1] == (len(CONTENT), len(CONTENT))
    assert [file.name for file in path.parent.iterdir()] == ['w.pth']


def test_interrupted_download_continues(server, tmp_path: Path) -> None:
    path = tmp_path / 'w.pth'
    for _ in range(2):
        with pytest.raises(ConnectionError, match='/cut cannot be fetched'):
            download_file(f'{server.url}/cut', path, sha256=DIGEST)
        assert not path.exists()
    download_file(f'{server.url}/w.pth', path, sha256=DIGEST)
    starts = [int(re.sub(r'\D', '', each)) for each in server.requests[1:]]
    assert 0 < starts[0] < starts[1] < len(CONTENT)
    assert path.read_bytes() == CONTENT


def test_server_without_ranges_sends_everything_again(server, tmp_path: Path) -> None:
    (tmp_path / 'w.pth.part').write_bytes(b'wrong')
    path = download_file(f'{server.url}/no_ranges', tmp_path / 'w.pth', sha256=DIGEST)
    assert path.read_bytes() == CONTENT


def test_complete_part_is_used(server, tmp_path: Path) -> None:
    (tmp_path / 'w.pth.part').write_bytes(CONTENT)
    assert download_file(f'{server.url}/w.pth', tmp_path / 'w.pth', sha256=DIGEST).is_file()


@pytest.mark.parametrize(
    ('expected', 'message'),
    [
        ({'size': 5}, 'expected 5 bytes, got 1024000'),
        ({'sha256': '0' * 8}, 'SHA-256 00000000, got'),
    ],
)
def test_other_content_is_refused_and_removed(
    expected: dict, message: str, server, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        download_file(f'{server.url}/w.pth', tmp_path / 'w.pth', **expected)
    assert not list(tmp_path.iterdir())
    (tmp_path / 'w.pth').write_bytes(CONTENT)
    with pytest.raises(ValueError, match=message):
        download_file(f'{server.url}/w.pth', tmp_path / 'w.pth', **expected)


def test_errors_of_the_server_are_named(server, tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match=r'/missing cannot be fetched \(.*404'):
        download_file(f'{server.url}/missing', tmp_path / 'w.pth')
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError, match='cannot be fetched'):
        download_file(f'{server.url}/w.pth', tmp_path / 'w.pth')
