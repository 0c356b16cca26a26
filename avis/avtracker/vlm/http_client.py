"""One HTTP POST that survives a bad day: retries, backoff, deadlines, and a key nobody sees.

Only the standard library is used. The key is read from the environment when a request is sent; it
is no attribute of any object, follows no redirect, and is cut out of what a server sends back.
"""

import contextlib
import functools
import json
import os
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from avis.avtracker.interfaces import ModelUnavailable

_BUSY = {408, 409, 425, 429}
_REFUSED_QUESTION = {400, 413, 422}
_EXCERPT = 300  # characters of a server's answer that an error quotes


class MalformedReply(RuntimeError):
    """The endpoint answered, but not in its protocol; retried."""


class RequestRefused(RuntimeError):
    """The endpoint does not want this request (too long, bad image); asking again is no use."""


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would hand the key to another host: it is an error instead."""

    def redirect_request(self, *args: Any) -> None:
        return None


class AbortEvent(threading.Event):
    """Set by the first thread that finds the endpoint gone; ends the waiting of the others."""

    cause: ModelUnavailable | None = None

    def log_fallback(self, cause: ModelUnavailable) -> None:
        """Tell the others, once."""
        self.cause = self.cause or cause
        self.set()


@dataclass(frozen=True)
class RetryPolicy:
    """How long to keep trying.

    Args:
        timeout: Seconds for one attempt, slow answers included.
        tries: Attempts per request, the first included.
        first_wait: Seconds before the second attempt; doubled each time, plus up to a quarter at
            random so that many clients do not come back at once.
        longest_wait: Most seconds between two attempts, whatever ``Retry-After`` says.
    """

    timeout: float = 300.0
    tries: int = 7
    first_wait: float = 1.0
    longest_wait: float = 60.0

    def __post_init__(self) -> None:
        waits = 0 <= self.first_wait <= self.longest_wait
        if self.timeout <= 0 or self.tries < 1 or not waits:
            raise ValueError(
                f'retries need timeout > 0, tries >= 1 and 0 <= first_wait <= longest_wait, '
                f'got {self}'
            )

    def wait(self, tries_done: int, retry_after: float | None) -> float:
        """Seconds to wait after a number of failed tries."""
        wait = self.first_wait * 2 ** (tries_done - 1) * (1 + random.random() / 4)
        return min(max(wait, retry_after or 0.0), self.longest_wait)


class JsonClient:
    """Posts JSON to one address and reads the answer with a check of its own.

    Safe to use from several threads.

    Args:
        url: Address, ``http://`` or ``https://``.
        api_key_env: Environment variable that holds the key; None sends none.
        retries: When to try again.
        max_bytes: Longest answer read.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key_env: str | None,
        retries: RetryPolicy | None = None,
        max_bytes: int = 8 << 20,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ('http', 'https') or not parts.hostname or parts.query:
            raise ValueError(f'the base_url of an endpoint looks like http://host/v1, got {url!r}')
        if parts.username or parts.password:
            raise ValueError('base_url must not hold a password; use api_key_env')
        self.url, self.api_key_env = url, api_key_env
        self.retries, self.max_bytes = retries or RetryPolicy(), max_bytes
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
            read: Takes the decoded answer apart; raises `MalformedReply` if it is not one.
            stop: Waiting ends when it is set.
            probe: A small request that only an endpoint out of order refuses. It is sent once
                where ``body`` failed and nothing else tells whose fault that was.

        Returns:
            What ``read`` returned, and the number of tries.

        Raises:
            MalformedReply: The endpoint works, but gave this request no answer that can be read.
            RequestRefused: The endpoint works, but not for this request.
            ModelUnavailable: The endpoint does not work.
        """
        data = json.dumps(body).encode()
        works = functools.partial(self._probe, probe, read, stop)
        seen = self._successes
        for tried in range(1, self.retries.tries + 1):
            if stop.is_set():
                raise ModelUnavailable(f'{self.url}: given up, as another question found it gone')
            try:
                answer = read(self._once(data, stop))
            except (HTTPError, OSError, HTTPException, MalformedReply) as error:
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
        raise AssertionError('unreachable: the last try returns or raises')

    def _probe(
        self, probe: dict[str, Any] | None, read: Callable[[Any], Any], stop: AbortEvent
    ) -> bool:
        """Whether a small request is answered."""
        if probe is None or stop.is_set():
            return False
        try:
            read(self._once(json.dumps(probe).encode(), stop))
        except (HTTPError, OSError, HTTPException, MalformedReply):
            return False
        with self._lock:
            self._successes += 1
        return True

    def _once(self, data: bytes, stop: AbortEvent) -> Any:
        """One attempt: the decoded JSON of the answer."""
        headers = {'Content-Type': 'application/json', 'Accept': 'application/json'}
        key = self._key()
        if key:
            headers['Authorization'] = f'Bearer {key}'
        timeout = self.retries.timeout
        end = time.monotonic() + timeout
        request = Request(self.url, data=data, headers=headers)
        text = bytearray()
        with build_opener(_NoRedirect).open(request, timeout=timeout) as response:
            while piece := response.read1(1 << 16):
                text += piece
                if len(text) > self.max_bytes:
                    raise MalformedReply(f'the answer is longer than {self.max_bytes} bytes')
                if time.monotonic() > end or stop.is_set():
                    raise TimeoutError(f'no complete answer within {timeout:g} s')
            if response.length:  # bytes promised that did not come
                raise MalformedReply(f'the answer ends {response.length} bytes early')
        try:
            return json.loads(self._without_key(bytes(text)))
        except (ValueError, RecursionError) as error:
            raise MalformedReply(f'the answer is not JSON: {self._quote(bytes(text))}') from error

    def _key(self) -> str:
        """The key, straight from the environment."""
        if self.api_key_env is None:
            return ''
        key = os.environ.get(self.api_key_env, '').strip()
        if not key:
            raise ModelUnavailable(
                f'{self.url} needs a key: set the environment variable {self.api_key_env}, or '
                f'api_key_env=None for an endpoint without one.'
            )
        if not (key.isascii() and key.isprintable()):
            raise ModelUnavailable(f'the key in {self.api_key_env} holds characters no key has')
        return key

    def _raise_if_final(self, error: Exception, works: Callable[[], bool]) -> None:
        """Errors that another try cannot mend."""
        reason = getattr(error, 'reason', None)
        if isinstance(error, URLError) and isinstance(reason, ssl.SSLCertVerificationError):
            raise ModelUnavailable(f'{self.url}: certificate refused: {reason}') from error
        if not isinstance(error, HTTPError) or error.code in _BUSY or error.code >= 500:
            return
        said = f'{self.url} answered {error.code}: {self._quote(_body(error))}'
        # A first request that is refused may be too large, or the settings are wrong.
        if error.code in _REFUSED_QUESTION and (self._successes or works()):
            raise RequestRefused(said) from error
        if error.code in (401, 403):
            said += f' Check the key in the environment variable {self.api_key_env}.'
        else:
            said += ' Check base_url, model and request.'
        raise ModelUnavailable(said) from error

    def _final_error(self, error: Exception, tried: int, *, alive: bool) -> Exception:
        """What to raise after the last try; ``alive``: others got answers since the one before."""
        what = f'{type(error).__name__}: {error}'
        if isinstance(error, HTTPError):
            what = f'HTTP {error.code}: {self._quote(_body(error))}'
        said = f'{self.url}: no usable answer in {tried} tries, the last: {what}'
        if not alive or (isinstance(error, HTTPError) and error.code == 429):
            return ModelUnavailable(said)
        return (MalformedReply if isinstance(error, MalformedReply) else RequestRefused)(said)

    def _quote(self, text: bytes) -> str:
        """The beginning of a server's words, fit for a log."""
        return repr(self._without_key(text)[:_EXCERPT].decode('utf-8', 'replace'))

    def _without_key(self, text: bytes) -> bytes:
        """A server's words, should it have repeated the key."""
        key = os.environ.get(self.api_key_env or '', '').strip()
        return text.replace(key.encode(), b'***') if key else text


def _body(error: HTTPError) -> bytes:
    with contextlib.suppress(OSError, HTTPException, ValueError):
        return error.read(1 << 14)
    return b''


def _retry_after(error: Exception) -> float | None:
    """Seconds the server asks for; a date or nonsense counts as none."""
    headers = getattr(error, 'headers', None)
    try:
        return max(0.0, float(headers['Retry-After'])) if headers else None
    except (TypeError, ValueError):
        return None
