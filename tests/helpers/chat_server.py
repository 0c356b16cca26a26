"""A local HTTP server that speaks the chat-completions protocol, well or badly."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict], str]
# Fault of the n-th request for one question (0 first): None, a name below, or a status code.
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


def _say_back(body: dict) -> str:
    return f'answer to {first_text(body)}'


class ChatServer(ThreadingHTTPServer):
    """Answers ``/v1/chat/completions``; counts and keeps what it was asked.

    Args:
        answer: Makes the reply of a request.
        fault: What goes wrong with a request.
        key: The key a request must carry.
        delay: Seconds an answer takes.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        *,
        answer: Answer = _say_back,
        fault: Fault = lambda question, n: None,
        key: str | None = None,
        delay: Callable[[str], float] = lambda question: 0.0,
    ) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.answer, self.fault, self.key, self.delay = answer, fault, key, delay
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict] = []
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.server_address[1]}/v1'


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        question = first_text(body)
        with server.lock:
            n = server.asked[question]
            server.asked[question] += 1
            server.bodies.append(body)
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        time.sleep(server.delay(question))
        with server.lock:  # before the reply: the next question may come as soon as it is read
            server.under_way -= 1
        self._reply(body, server.fault(question, n))

    def _reply(self, body: dict, fault: str | int | None) -> None:
        wanted = self.server.key and f'Bearer {self.server.key}'
        if wanted and self.headers['Authorization'] != wanted:
            fault = 401
        if isinstance(fault, int):
            said = f'status {fault} for {self.headers["Authorization"]}'.encode()
            self._send(fault, said, {'Retry-After': '0.01', 'Location': self.server.url})
        elif fault == 'hang up':
            self.connection.close()
        elif fault == 'cut':
            self._send(200, b'{"choices": [', length=1000)
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
        """Send a byte now and then, never the whole."""
        self.send_response(200)
        self.send_header('Content-Length', '1000')
        self.end_headers()
        try:
            for _ in range(500):
                self.wfile.write(b' ')
                self.wfile.flush()
                time.sleep(0.02)
        except OSError:
            pass  # the client gave up


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
