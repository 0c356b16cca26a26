"""JSON over HTTP with retries, backoff, deadlines and an API key.

Connections are made and reused by httpx. The key is read from the environment when a request is
sent. No object stores it, it is never sent to another host (a redirect is an error), and it is
removed from what a server sends back.
"""

import atexit
import functools
import json
import os
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from avis.avtracker.interfaces import ModelUnavailable

_RETRIED_STATUSES = {408, 409, 425, 429}  # and 5xx
_REFUSED_STATUSES = {400, 413, 422}
_MAX_BYTES = 8 << 20  # of an answer: the longest replies of language models have about 1 MB
_EXCERPT = 300  # characters of a server's answer that an error quotes


class MalformedReply(RuntimeError):
    """The endpoint answered, but not in its protocol; the request is retried."""


class RequestRefused(RuntimeError):
    """The endpoint refuses this request (too long, bad image); a retry would not help."""


class _StatusError(RuntimeError):
    """The endpoint answered with a status other than 2xx."""

    def __init__(self, status: int, body: bytes, retry_after: str | None) -> None:
        super().__init__(f'HTTP {status}')
        self.status, self.body, self.retry_after = status, body, retry_after


_FAILURES = (httpx.RequestError, _StatusError, MalformedReply)


class AbortEvent(threading.Event):
    """Set by the first thread that finds the endpoint unavailable; the others stop waiting."""

    cause: ModelUnavailable | None = None

    def abort(self, cause: ModelUnavailable) -> None:
        """Set the event; the first cause is kept."""
        self.cause = self.cause or cause
        self.set()


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to retry.

    Args:
        timeout: Seconds for one attempt, slow answers included.
        tries: Attempts per request, the first included.
        initial_wait: Seconds before the second attempt. The wait is doubled each time; up to a
            quarter is added at random, so that many clients do not retry at once.
        max_wait: Maximum seconds between two attempts, also if ``Retry-After`` asks for more.
    """

    timeout: float = 300.0
    tries: int = 7
    initial_wait: float = 1.0
    max_wait: float = 60.0

    def __post_init__(self) -> None:
        waits = 0 <= self.initial_wait <= self.max_wait
        if self.timeout <= 0 or self.tries < 1 or not waits:
            raise ValueError(
                f'expected timeout > 0, tries >= 1 and 0 <= initial_wait <= max_wait, got {self}'
            )

    def wait(self, tries_done: int, retry_after: float | None) -> float:
        """Seconds to wait after a number of failed attempts."""
        wait = self.initial_wait * 2 ** (tries_done - 1) * (1 + random.random() / 4)
        return min(max(wait, retry_after or 0.0), self.max_wait)


class JsonClient:
    """Posts JSON to one address; the caller supplies the parser of the answer.

    Safe to use from several threads.

    Args:
        url: Address, ``http://`` or ``https://``.
        api_key_env: Environment variable that contains the key; None sends no key.
        retries: When to retry.
    """

    def __init__(
        self, url: str, *, api_key_env: str | None, retries: RetryPolicy | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query:
            raise ValueError('base_url must contain no password and no query; use api_key_env')
        if parts.scheme not in ('http', 'https') or not parts.hostname:
            raise ValueError(f'expected a base_url like http://host/v1, got {url!r}')
        self.url, self.api_key_env = url, api_key_env
        self.retries = retries or RetryPolicy()
        self._successes = 0
        self._lock = threading.Lock()

    def post(
        self,
        body: dict[str, Any],
        *,
        read: Callable[[Any], Any],
        stop: AbortEvent,
        probe: dict[str, Any] | None = None,
    ) -> tuple[Any, int]:
        """Send ``body`` until ``read`` accepts the answer.

        Args:
            body: The request, JSON-ready.
            read: Parses the decoded answer; raises `MalformedReply` if it breaks the protocol.
            stop: Ends all waiting when it is set.
            probe: A small request that fails only if the endpoint does not work. It is sent once
                if ``body`` failed and no other request shows whether the endpoint works.

        Returns:
            What ``read`` returned, and the number of attempts.

        Raises:
            MalformedReply: The endpoint works, but its answers to this request cannot be parsed.
            RequestRefused: The endpoint works, but refuses this request.
            ModelUnavailable: The endpoint does not work.
        """
        data = json.dumps(body).encode()
        works = functools.partial(self._probe, probe, read, stop)
        seen = self._successes
        for tried in range(1, self.retries.tries + 1):
            if stop.is_set():
                raise ModelUnavailable(f'{self.url}: stopped, another request found it unavailable')
            try:
                answer = read(self._send(data, stop))
            except _FAILURES as error:
                self._raise_if_final(error, works)
                if tried == self.retries.tries:
                    alive = self._successes > seen or works()
                    raise self._final_error(error, tried, alive=alive) from error
                seen = self._successes
                stop.wait(self.retries.wait(tried, _retry_after(error)))
            else:
                with self._lock:
                    self._successes += 1
                return answer, tried
        raise AssertionError('unreachable: the last attempt returns or raises')

    def _probe(
        self, probe: dict[str, Any] | None, read: Callable[[Any], Any], stop: AbortEvent
    ) -> bool:
        """Whether a small request is answered."""
        if probe is None or stop.is_set():
            return False
        try:
            read(self._send(json.dumps(probe).encode(), stop))
        except _FAILURES:
            return False
        with self._lock:
            self._successes += 1
        return True

    def _send(self, data: bytes, stop: AbortEvent) -> Any:
        """Make one attempt; returns the decoded JSON of the answer."""
        headers = {'Content-Type': 'application/json', 'Accept': 'application/json'}
        headers['Accept-Encoding'] = 'identity'  # so that _MAX_BYTES limits what is received
        key = self._key()
        if key:
            headers['Authorization'] = f'Bearer {key}'
        timeout = self.retries.timeout
        end = time.monotonic() + timeout  # httpx limits the wait for each piece, not for all
        text = bytearray()
        with _http().stream(
            'POST', self.url, content=data, headers=headers, timeout=timeout
        ) as response:
            try:
                for piece in response.iter_bytes():
                    text += piece
                    if len(text) > _MAX_BYTES:
                        raise MalformedReply(f'the answer is longer than {_MAX_BYTES} bytes')
                    if time.monotonic() > end or stop.is_set():
                        raise httpx.ReadTimeout(f'no complete answer within {timeout:g} s')
            except _FAILURES:
                if response.is_success:  # else the status is the failure, even without its body
                    raise
        if not response.is_success:
            retry_after = response.headers.get('Retry-After')
            raise _StatusError(response.status_code, bytes(text), retry_after)
        try:
            return json.loads(self._without_key(bytes(text)))
        except (ValueError, RecursionError) as error:
            raise MalformedReply(f'the answer is not JSON: {self._quote(bytes(text))}') from error

    def _key(self) -> str:
        """Read the key from the environment."""
        if self.api_key_env is None:
            return ''
        key = os.environ.get(self.api_key_env, '').strip()
        if not key:
            raise ModelUnavailable(
                f'{self.url} needs a key: set the environment variable {self.api_key_env}, or '
                f'api_key_env=None for an endpoint without one.'
            )
        if not (key.isascii() and key.isprintable()):
            raise ModelUnavailable(
                f'the key in {self.api_key_env} contains line breaks or characters outside ASCII; '
                f'set it again'
            )
        return key

    def _raise_if_final(self, error: Exception, works: Callable[[], bool]) -> None:
        """Raise if a retry cannot help."""
        reason = _certificate_error(error)
        if reason is not None:
            raise ModelUnavailable(f'{self.url}: certificate refused: {reason}') from error
        if not isinstance(error, _StatusError):
            return
        if error.status in _RETRIED_STATUSES or error.status >= 500:
            return
        said = f'{self.url} answered {error.status}: {self._quote(error.body)}'
        # If the first request is refused, it may be too large, or the settings may be wrong.
        if error.status in _REFUSED_STATUSES and (self._successes or works()):
            raise RequestRefused(said) from error
        if error.status in (401, 403):
            said += f' Check the key in the environment variable {self.api_key_env}.'
        else:
            said += ' Check base_url, model and request.'
        raise ModelUnavailable(said) from error

    def _final_error(self, error: Exception, tried: int, *, alive: bool) -> Exception:
        """The error after the last attempt.

        Args:
            error: What the last attempt raised.
            tried: Number of attempts.
            alive: Whether other requests were answered since the attempt before.
        """
        what = f'{type(error).__name__}: {error}'
        if isinstance(error, _StatusError):
            what = f'HTTP {error.status}: {self._quote(error.body)}'
        said = f'{self.url}: no usable answer in {tried} tries, the last: {what}'
        if not alive or (isinstance(error, _StatusError) and error.status == 429):
            return ModelUnavailable(said)
        return (MalformedReply if isinstance(error, MalformedReply) else RequestRefused)(said)

    def _quote(self, text: bytes) -> str:
        """The beginning of an answer, safe to log."""
        return repr(self._without_key(text)[:_EXCERPT].decode('utf-8', 'replace'))

    def _without_key(self, text: bytes) -> bytes:
        """An answer in which the key, if the server repeats it, is replaced by asterisks."""
        key = os.environ.get(self.api_key_env or '', '').strip()
        return text.replace(key.encode(), b'***') if key else text


_http_lock = threading.Lock()


def _http() -> httpx.Client:
    """The connection pool of this process, with the certificates of the system."""
    with _http_lock:  # a cache alone lets two threads that come first make two pools
        return _make_http()


@functools.lru_cache(maxsize=1)
def _make_http() -> httpx.Client:
    client = httpx.Client(
        verify=ssl.create_default_context(), limits=httpx.Limits(max_connections=None)
    )
    atexit.register(client.close)
    return client


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The refused certificate that caused an error, if any."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def _retry_after(error: Exception) -> float | None:
    """Seconds the server asks to wait; None for a date or an invalid value."""
    try:
        return max(0.0, float(getattr(error, 'retry_after', None) or ''))
    except ValueError:
        return None
