"""Refuse every request to the page that the page itself does not make.

Gradio can fetch URLs for a visitor, serves more endpoints than this page uses, and takes the path
of an upload from the request. The guard lets through what the page needs, and paths of files in the
folder of the app only.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_API = '/gradio_api/'
_READ = ('/', '/config', '/theme.css', '/favicon.ico', '/manifest.json', '/robots.txt')
_READ_BELOW = ('/assets/', '/static/', '/svelte/')
_READ_API = ('info', 'startup-events', 'queue/data', 'queue/status', 'upload_progress', 'theme.css')
_WRITE_API = ('queue/join', 'upload', 'cancel', 'reset')
_LONGEST_CALL = 1_000_000  # bytes of a request that is no upload
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)


class RequestGuard:
    """Middleware that lets through the requests of the page.

    Args:
        app: The application behind it.
        folder: Folder of uploads and results, the only one of which files are served.
        hosts: Names under which the page may be opened, so that no foreign name can be pointed at
            this machine; None for any.
    """

    def __init__(self, app: ASGIApp, *, folder: Path, hosts: Collection[str] | None) -> None:
        self.app = app
        self.folder = folder.resolve()
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it to the application."""
        if scope['type'] == 'lifespan':
            await self.app(scope, receive, send)
            return
        refused = self._refuse(scope)
        if refused is None and scope['path'] == f'{_API}queue/join':
            body = await _read_body(receive)
            refused = self._refuse_body(body)
            receive = _replay(body, receive)
        if refused is not None:
            status, reason = refused
            await PlainTextResponse(reason, status_code=status)(scope, receive, send)
            return
        await self.app(scope, receive, _with_policy(send))

    def _refuse(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason if a request is none of the page."""
        if scope['type'] != 'http':
            return 404, 'Not found.'
        host = Headers(scope=scope).get('host', '').rpartition('@')[2]
        name = host.partition(']')[0][1:] if host.startswith('[') else host.partition(':')[0]
        if self.hosts is not None and name not in self.hosts:
            return 400, 'The page cannot be opened under this name.'
        path, method = scope['path'], scope['method']
        if method == 'POST':
            allowed = path.removeprefix(_API) in _WRITE_API and path.startswith(_API)
        else:
            allowed = method in ('GET', 'HEAD') and self._is_readable(path)
        return None if allowed else (404, 'Not found.')

    def _is_readable(self, path: str) -> bool:
        if not path.startswith(_API):
            return path in _READ or path.startswith(_READ_BELOW)
        name = path.removeprefix(_API)
        if name.startswith('file='):
            return self._is_inside(name.removeprefix('file='))
        return name in _READ_API or name.startswith('heartbeat/')

    def _is_inside(self, path: str) -> bool:
        """Whether a file, named as the server or a URL names it, is in the folder."""
        try:
            return all(
                Path(each).is_absolute() and Path(each).resolve().is_relative_to(self.folder)
                for each in (path, unquote(path))
            )
        except (OSError, ValueError):  # too long, or a null byte
            return False

    def _refuse_body(self, body: bytes | None) -> tuple[int, str] | None:
        """Return status and reason if a call names a file that was not uploaded."""
        if body is None:
            return 413, 'The request is too long.'
        try:
            call = json.loads(body)
        except (ValueError, RecursionError):
            return 400, 'Expected JSON.'
        if all(isinstance(path, str) and self._is_inside(path) for path in _paths_in(call)):
            return None
        return 400, 'Expected an uploaded file.'


def _paths_in(value: Any) -> list[Any]:
    """Return the values of all keys ``path``."""
    found, todo = [], [value]
    while todo:
        each = todo.pop()
        if isinstance(each, dict):
            found += [each['path']] if 'path' in each else []
            todo += each.values()
        elif isinstance(each, list):
            todo += each
    return found


async def _read_body(receive: Receive) -> bytes | None:
    """Return the body of a request; None if it is too long."""
    body, more = b'', True
    while more:
        message = await receive()
        body += message.get('body', b'')
        more = message.get('more_body', False)
        if len(body) > _LONGEST_CALL:
            return None
    return body


def _replay(body: bytes | None, receive: Receive) -> Receive:
    """Return a function that gives the body again, and then what follows."""
    pending: list[Message] = [{'type': 'http.request', 'body': body or b'', 'more_body': False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _with_policy(send: Send) -> Send:
    """Return a function that adds headers: browsers load nothing from elsewhere."""

    async def add(message: Message) -> None:
        if message['type'] == 'http.response.start':
            headers = MutableHeaders(scope=message)
            headers['Content-Security-Policy'] = _POLICY
            headers['X-Content-Type-Options'] = 'nosniff'
            headers['Referrer-Policy'] = 'no-referrer'
        await send(message)

    return add
