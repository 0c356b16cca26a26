"""A local HTTP server with the chat-completions protocol and configurable faults."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict], str]
# Fault of the n-th request with one text (from 0): None, a name below, or a status code.
Fault = Callable[[str, int], str | int | None]

MALFORMED = {
    'not json': b'<html>bad gateway</html>',
    'no choices': b'{"id": 1}',
    'empty choices': b'{"choices": []}',
    'a number': b'{"choices": [{"message": {"content": 7}}]}',
    'a list': b'[1, 2]',
    'nothing': b'',
    'nested': b'[' * 100_000,
}


def first_text(body: dict) -> str:
    """The first text of the user's message."""
    return next(p['text'] for p in body['messages'][0]['content'] if p['type'] == 'text')


def _echo(body: dict) -> str:
    return f'answer to {first_text(body)}'


class ChatServer(ThreadingHTTPServer):
    """Answers ``/v1/chat/completions``; counts and stores the requests.

    Args:
        answer: Returns the reply to a request.
        fault: Fault of a request.
        key: API key that a request must contain.
        delay: Seconds until the answer is sent.

    Attributes:
        asked: Number of requests by their first text.
        bodies: The bodies of all requests.
        connections: Number of connections.
        under_way: Requests that are being answered; ``most_under_way`` is its maximum.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        *,
        answer: Answer = _echo,
        fault: Fault = lambda text, n: None,
        key: str | None = None,
        delay: Callable[[str], float] = lambda text: 0.0,
    ) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.answer, self.fault, self.key, self.delay = answer, fault, key, delay
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict] = []
        self.under_way = self.most_under_way = self.connections = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.server_address[1]}/v1'


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer
    protocol_version = 'HTTP/1.1'  # keeps connections open
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        text = first_text(body)
        with server.lock:
            n = server.asked[text]
            server.asked[text] += 1
            server.bodies.append(body)
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        time.sleep(server.delay(text))
        with server.lock:  # before the reply, after which the next request may come at once
            server.under_way -= 1
        self._reply(body, server.fault(text, n))

    def _reply(self, body: dict, fault: str | int | None) -> None:
        wanted = self.server.key and f'Bearer {self.server.key}'
        if wanted and self.headers['Authorization'] != wanted:
            fault = 401
        if isinstance(fault, int):
            said = f'status {fault} for {self.headers["Authorization"]}'.encode()
            self._send(fault, said, {'Retry-After': '0.01', 'Location': self.server.url})
        elif fault == 'hang up':
            self.close_connection = True
        elif fault == 'cut':
            self._send(200, b'{"choices": [', length=1000)
            self.close_connection = True
        elif fault == 'drip':
            self._drip()
        elif fault in MALFORMED:
            self._send(200, MALFORMED[fault])
        else:
            message = {'role': 'assistant', 'content': self.server.answer(body)}
            usage = {'prompt_tokens': 1, 'completion_tokens': 2}
            choices = [{'message': message, 'finish_reason': 'stop'}]
            self._send(200, json.dumps({'choices': choices, 'usage': usage}).encode())

    def _send(
        self, status: int, data: bytes, headers: dict | None = None, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def _drip(self) -> None:
        """Send single bytes slowly and never finish the answer."""
        self.close_connection = True
        self.send_response(200)
        self.send_header('Content-Length', '1000')
        self.end_headers()
        try:
            for _ in range(500):
                self.wfile.write(b' ')
                self.wfile.flush()
                time.sleep(0.02)
        except OSError:
            pass  # the client closed the connection


@contextmanager
def chat_server(**kwargs: Any) -> Iterator[ChatServer]:
    """Run a server on a free local port; arguments as for `ChatServer`."""
    server = ChatServer(**kwargs)
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
