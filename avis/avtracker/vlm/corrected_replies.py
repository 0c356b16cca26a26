"""Parse the reply of a model tolerantly: the first fitting object, whatever surrounds it.

Nothing in a reply is ever executed; a reply of any length or nesting at worst raises ValueError.
"""

import contextlib
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from avis.avtracker.official import replies as official_replies

LONGEST_REPLY = 200_000
_LISTS = (list, tuple, set)  # the latter two as Python writes them
_DECODER = json.JSONDecoder()
_COMMENT = re.compile(r'(?:^|(?<=[\s,{}\[\]]))(?://|#)')
_DOTS = re.compile(r'(?<=[\s,{\[])(?:\.{3}|…)(?=[\s,}\]])')
_SPARE_COMMA = re.compile(r',(?=\s*[,}\]])')


def read_boxes(reply: str, *, frames: int) -> tuple[dict[int, list[float]], dict[str, int]]:
    """The boxes in a reply about one window.

    Args:
        reply: Text of the model.
        frames: Number of frames of the query.

    Returns:
        Four finite numbers by frame of the window, and the number of dropped boxes by reason. The
        first box of a frame counts; in a frame without one nobody speaks.

    Raises:
        ValueError: No list of boxes in the reply.
    """
    boxes = _find(reply, 'boxes', list)
    found: dict[int, list[float]] = {}
    dropped: dict[str, int] = {}
    for index, box in enumerate(boxes):
        frame, values, fault = _box(index, box, frames)
        if fault is None and frame in found:
            fault = 'a frame twice'
        if fault is None:
            found[frame] = values
        else:
            dropped[fault] = dropped.get(fault, 0) + 1
    if boxes and not found and set(dropped) != {'frame outside of the window'}:
        raise ValueError(f'none of the {len(boxes)} boxes can be used: {dropped}')
    return found, dropped


def read_persons(reply: str, *, count: int) -> tuple[dict[str, list[int]], dict[str, int]]:
    """The groups in a reply about ``count`` images.

    Returns:
        Positions by name, in the order of the reply, and the number of dropped positions by reason.

    Raises:
        ValueError: No object of persons in the reply.
    """
    persons = _find(reply, 'persons', dict)
    groups: dict[str, list[int]] = {}
    dropped: dict[str, int] = {}
    for name, listed in persons.items():
        group = groups.setdefault(str(name), [])  # 1 and '1' are one name
        for value in listed if isinstance(listed, _LISTS) else [listed]:
            position = _whole(value)
            fault = 'no number' if position is None else 'no such image'
            if position is not None and 0 <= position < count:
                group.append(position)
            else:
                dropped[fault] = dropped.get(fault, 0) + 1
    if persons and not any(groups.values()):
        raise ValueError(f'none of the {len(persons)} persons names an image: {dropped}')
    return groups, dropped


def rationale_of(reply: str) -> str:
    """The rationale of the model, '' if there is none."""
    try:
        value = _find(reply, 'rationale', object)
    except ValueError:
        return ''
    return '\n'.join(map(str, value)) if isinstance(value, list) else str(value)


def _find(reply: str, key: str, kind: type) -> Any:
    """The value under ``key`` of the first object of the reply that has one of this kind."""
    if len(reply) > LONGEST_REPLY:
        raise ValueError(f'the reply has {len(reply)} characters, over {LONGEST_REPLY}')
    for value in _objects(reply):
        if isinstance(value, dict) and key in value and isinstance(value[key], kind):
            return value[key]
    raise ValueError(f'no {key} in the reply {reply[:80]!r}')


def _objects(reply: str) -> Iterator[Any]:
    """What the official parser reads; objects in the text after any thoughts; the same, cleaned."""
    yield from _official(reply)
    answer = reply.rpartition('</think>')[2]
    cleaned = _cleaned(answer)
    for text in dict.fromkeys((answer, cleaned)):
        at = text.find('{')
        while at >= 0:
            value, end = _decode(text, at)
            if end > at:
                yield value
            at = text.find('{', max(end, at + 1))
    yield from _official(cleaned[: cleaned.rfind('}') + 1])


def _official(text: str) -> Iterator[Any]:
    """What the official parser reads, if anything."""
    with contextlib.suppress(ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        yield official_replies.parse_reply(text)


def _cleaned(text: str) -> str:
    """Without comments, ellipses, and the commas that these leave behind."""
    lines = []
    for line in text.split('\n'):
        # A comment follows all strings of its line.
        head, quote, tail = line.rpartition('"')
        comment = _COMMENT.search(tail)
        lines.append(head + quote + (tail[: comment.start()] if comment else tail))
    return _SPARE_COMMA.sub('', _DOTS.sub('', '\n'.join(lines)))


def _decode(text: str, at: int) -> tuple[Any, int]:
    """The value that starts there and where it ends, ``at`` if there is none."""
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at


def _box(index: int, box: Any, frames: int) -> tuple[int, list[float], str | None]:
    """Frame and numbers of a box, and why it cannot be used."""
    bare = isinstance(box, list)
    if not bare and not isinstance(box, dict):
        return 0, [], 'no box'
    frame = index if bare else _whole(box.get('frame_id'))
    values = box if bare else box.get('bbox', box.get('bbox_2d'))
    if frame is None:
        return 0, [], 'no frame number'
    if not 0 <= frame < frames:
        return 0, [], 'frame outside of the window'
    if not isinstance(values, list | tuple) or len(values) < 4:
        return 0, [], 'no four numbers'
    numbers = [_number(value) for value in values[:4]]
    finite = [number for number in numbers if number is not None]
    return frame, finite, None if len(finite) == 4 else 'no four numbers'


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    return value if abs(value) <= 1e9 and math.isfinite(value) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == int(number) else None
