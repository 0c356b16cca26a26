"""Query a chat model again until its reply can be parsed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mmengine.logging import print_log

from avis.avtracker.interfaces import Reply

Value = TypeVar('Value')


@dataclass(frozen=True)
class ParsedReply(Generic[Value]):
    """Result of a query with retries.

    Args:
        value: The parsed value; None if no reply could be parsed.
        replies: All replies.
        faults: The errors of those that could not be parsed.
    """

    value: Value | None
    replies: list[Reply]
    faults: list[str]


def query_with_retries(
    ask: Callable[[int], Reply], read: Callable[[str], Value], *, retries: int
) -> ParsedReply[Value]:
    """Query until a reply can be parsed.

    Args:
        ask: Returns the reply of an attempt, counted from 0.
        read: Parses the text of a reply, or raises ``ValueError``.
        retries: Most further attempts after the first.
    """
    replies: list[Reply] = []
    faults: list[str] = []
    while len(faults) <= retries:
        reply = ask(len(faults))
        replies.append(reply)
        try:
            if reply.text is None:
                raise ValueError(f'no reply: {reply.error!r}')
            return ParsedReply(read(reply.text), replies, faults)
        except ValueError as error:
            faults.append(str(error))
    return ParsedReply(None, replies, faults)


def log_fallback(name: str, faults: list[str], instead: str) -> str:
    """Log the fallback for a query without usable reply, and return it as a reason.

    Args:
        name: Name of the query.
        faults: The errors of the replies.
        instead: The fallback.
    """
    reason = f'no usable reply after {len(faults)} tries, so {instead}: {faults[-1]}'
    print_log(f'{name}: {reason}', logger='current', level=logging.WARNING)
    return reason
