"""A vision-language model behind an HTTP endpoint with the chat-completions protocol."""

import functools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from mmengine.logging import print_log

from avis.avtracker.interfaces import Message, ModelUnavailable, Reply
from avis.avtracker.vlm.http_client import (
    AbortEvent,
    JsonClient,
    MalformedReply,
    RequestRefused,
    RetryPolicy,
)
from avis.avtracker.vlm.images import data_url
from avis.registry import MODELS


@MODELS.register_module()
class OpenAICompatibleVLM:
    """Client of vLLM, DashScope, or any server with ``POST {base_url}/chat/completions``.

    Several requests run at once; replies come in the order of the messages. A request is retried
    after 408, 409, 425, 429, 5xx, a lost connection, a timeout or an answer that breaks the
    protocol. If all attempts fail, the message gets a :class:`Reply` with the error; an endpoint
    that answers nothing, not even a small probe, raises :class:`ModelUnavailable`.

    Args:
        model: Name of the model at the endpoint.
        base_url: Address up to ``/chat/completions``.
        api_key_env: Environment variable that contains the key; None sends no key. The key itself
            is in no config, record or log.
        max_concurrent: Maximum number of concurrent requests.
        retries: When to retry: arguments of :class:`RetryPolicy`.
        image: Arguments of :func:`data_url`: ``file_format``, ``max_side``.
        request: Further keys of the request, such as ``dict(temperature=0, seed=1)``. If a
            message is sent again because its reply could not be used, ``attempt`` is added to the
            seed and a temperature of 0 becomes 0.7: otherwise the reply would be the same.
    """

    not_in_cache_key = ('api_key_env', 'max_concurrent', 'retries')

    def __init__(
        self,
        *,
        model: str,
        base_url: str = 'http://localhost:8000/v1',
        api_key_env: str | None = 'OPENAI_API_KEY',
        max_concurrent: int = 4,
        retries: dict[str, Any] | None = None,
        image: dict[str, Any] | None = None,
        request: dict[str, Any] | None = None,
    ) -> None:
        if max_concurrent < 1:
            raise ValueError(f'max_concurrent must be at least 1, got {max_concurrent}')
        url = base_url.rstrip('/')
        url += '' if url.endswith('/chat/completions') else '/chat/completions'
        policy = _checked('retries', RetryPolicy, retries or {})
        self.client = JsonClient(url, api_key_env=api_key_env, retries=policy)
        self.model, self.max_concurrent = model, max_concurrent
        self.image, self.request = image or {}, request or {}
        pixel = functools.partial(data_url, np.zeros((1, 1, 3), np.uint8))
        _checked('image', pixel, self.image)

    def chat(self, messages: Iterable[Message]) -> Iterator[Reply]:
        """One reply per message, in order; see :class:`~avis.avtracker.interfaces.ChatModel`."""
        source, stop = iter(messages), AbortEvent()
        pending: deque[Future[Reply]] = deque()
        pool = ThreadPoolExecutor(self.max_concurrent, thread_name_prefix='chat')
        try:
            more = True
            while more or pending:
                while more and self._can_submit(pending):
                    message = next(source, None)
                    more = message is not None
                    if message is not None:
                        pending.append(pool.submit(self._request, message, stop))
                if pending and not pending[0].done():
                    wait([one for one in pending if not one.done()], return_when=FIRST_COMPLETED)
                elif pending:
                    yield pending.popleft().result()
        except ModelUnavailable as error:
            raise stop.cause or error from error.__cause__
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _can_submit(self, pending: deque[Future[Reply]]) -> bool:
        """Whether to draw one more message; finished replies that wait for their turn are cheap."""
        running = sum(not one.done() for one in pending)
        return running < self.max_concurrent and len(pending) < 16 * self.max_concurrent

    def _request(self, message: Message, stop: AbortEvent) -> Reply:
        """Get the reply to one message, with all retries; runs in a thread of the pool."""
        start = time.monotonic()
        try:
            (text, usage), tries = self.client.post(
                self._body(message),
                read=read_completion,
                stop=stop,
                probe=self._body(_probe_message(message)),
            )
        except (MalformedReply, RequestRefused) as error:
            said = f'{message.name or "a message"}: no reply. {error}'
            print_log(said, logger='current', level=logging.WARNING)
            return Reply(text=None, error=error, usage={'seconds': time.monotonic() - start})
        except ModelUnavailable as error:
            stop.abort(error)  # the other threads need not find out one by one
            raise
        return Reply(
            text=text, usage={'seconds': time.monotonic() - start, 'tries': tries, **usage}
        )

    def _body(self, message: Message) -> dict[str, Any]:
        """The body of the request for one message."""
        content: list[dict[str, Any]] = []
        for part in message.parts:
            if isinstance(part, str):
                content.append({'type': 'text', 'text': part})
            else:
                url = data_url(part, **self.image)
                content.append({'type': 'image_url', 'image_url': {'url': url}})
        request = dict(self.request)
        if message.attempt:
            if 'seed' in request:
                request['seed'] += message.attempt
            if request.get('temperature') == 0:
                request['temperature'] = 0.7
        return {
            'model': self.model,
            'messages': [{'role': 'user', 'content': content}],
            'max_tokens': message.max_new_tokens,
            **request,
        }


def _checked(name: str, use: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call ``use`` with arguments of a config; errors name the field.

    Raises:
        ValueError: ``use`` rejects the arguments.
    """
    try:
        return use(**arguments)
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(
            f'OpenAICompatibleVLM: {name}={arguments} cannot be used ({error})'
        ) from error


def _probe_message(message: Message) -> Message:
    """A message that fails only if the settings are wrong: as many images, but tiny."""
    images = [part for part in message.parts if not isinstance(part, str)]
    tiny = [np.zeros((64, 64, 3), np.uint8) for _ in images]
    return Message(parts=('Say yes.', *tiny), max_new_tokens=16)


def read_completion(answer: Any) -> tuple[str, dict[str, Any]]:
    """Text and usage of an answer of the chat-completions protocol.

    Raises:
        MalformedReply: The answer breaks the protocol.
    """
    try:
        choice = answer['choices'][0]
        content = choice['message']['content']
        if isinstance(content, list):  # some servers answer in parts
            content = ''.join(part['text'] for part in content if part.get('type') == 'text')
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise MalformedReply(f'no choices[0].message.content in {str(answer)[:300]!r}') from error
    if not isinstance(content, str):
        raise MalformedReply(f'expected text as content of a reply, got {str(content)[:300]!r}')
    counts = answer.get('usage')
    counts = counts if isinstance(counts, dict) else {}
    usage = {name: count for name, count in counts.items() if isinstance(count, int)}
    return content, {'finish_reason': str(choice.get('finish_reason'))[:30], **usage}
