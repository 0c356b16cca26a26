"""Ask a chat model until its reply can be read (D40, D50)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mmengine.logging import print_log

from avis.avtracker.interfaces import Reply

Value = TypeVar('Value')


@dataclass(frozen=True)
class ParsedReply(Generic[Value]):
    """What came of a question.

    Args:
        value: What was read; None if no reply could be read.
        replies: All replies.
        faults: What was wrong with those that could not be read.
    """

    value: Value | None
    replies: list[Reply]
    faults: list[str]


def query_with_retries(
    ask: Callable[[int], Reply], read: Callable[[str], Value], *, retries: int
) -> ParsedReply[Value]:
    """Ask until a reply can be read.

    Args:
        ask: Gives the reply of an attempt, counted from 0.
        read: Reads the text of a reply; ``ValueError`` if it cannot.
        retries: How often it is asked again at most.
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
    """Tell in the log, and give as a reason, what is done without a reply.

    Args:
        name: Of the question.
        faults: What was wrong with the replies.
        instead: What is done.
    """
    reason = f'no usable reply after {len(faults)} tries, so {instead}: {faults[-1]}'
    print_log(f'{name}: {reason}', logger='current', level=logging.WARNING)
    return reason
