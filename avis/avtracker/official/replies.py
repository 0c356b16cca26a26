"""Replies of a model parsed exactly as the official AVTracker parses them.

The corrected counterpart is :mod:`avis.avtracker.vlm.corrected_replies`.

Source: FudanCVL/AVTrack, commit 870bf2a; the numbers of defects (D42, ...) are those of
docs/avtracker_defects.md.
"""

import ast
import contextlib
import json
import re
from typing import Any

_FENCE = re.compile(r'```(.*?)```', re.DOTALL)
_QUOTED_KEY = re.compile(r"'(\w+)':")
_QUOTED_VALUE = re.compile(r":\s*'([^']*)'")


def parse_reply(reply: Any) -> dict[str, Any]:
    """The object in a reply.

    Raises:
        ValueError: There is none, or it lacks a required key.
        TypeError: A Python literal with a key that cannot be one (two braces too many).
    """
    if isinstance(reply, dict):
        return _checked(reply)
    text = _balanced(_object_text(str(reply)))
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        pass
    else:
        return _checked(value)
    with contextlib.suppress(ValueError):
        return _checked(_requoted(text))
    with contextlib.suppress(ValueError, SyntaxError):
        return _checked(ast.literal_eval(text))
    raise ValueError(f'no JSON object with rationale and boxes or persons in {text[:80]!r}')


def _object_text(text: str) -> str:
    """From the first to the last brace: inside of the first fence if it has any, else of all."""
    fence = _FENCE.search(text)
    fenced = _between_braces(fence[1]) if fence else ''
    if fenced or text.strip().startswith('{'):
        return fenced or text  # with its blanks: a Python literal must not be indented
    return _between_braces(text) or text


def _between_braces(text: str) -> str:
    first, last = text.find('{'), text.rfind('}')
    return text[first : last + 1] if 0 <= first < last else ''


def _balanced(text: str) -> str:
    """Add missing braces; those inside of strings count too (D42)."""
    missing = text.count('{') - text.count('}')
    return text + '}' * missing if missing > 0 else '{' * -missing + text


def _requoted(text: str) -> Any:
    text = _QUOTED_KEY.sub(r'"\1":', text)
    return json.loads(_QUOTED_VALUE.sub(r': "\1"', text))


def _checked(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or 'rationale' not in value:
        raise ValueError('expected an object with a rationale in the reply')
    if 'boxes' not in value and 'persons' not in value:
        raise ValueError('the reply has neither boxes nor persons')
    if 'persons' in value and not isinstance(value['persons'], dict):
        raise ValueError('expected persons to be an object')
    if 'boxes' not in value:
        return value
    if not isinstance(value['boxes'], list):
        raise ValueError('expected boxes to be a list')
    return {**value, 'boxes': [_box(index, box) for index, box in enumerate(value['boxes'])]}


def _box(index: int, box: Any) -> dict[str, Any]:
    if isinstance(box, list):
        return {'frame_id': index, 'bbox': box}
    if not isinstance(box, dict) or 'frame_id' not in box or 'bbox' not in box:
        raise ValueError(f'box {index} has no frame_id and bbox')
    return box


def boxes_of_window(reply: dict[str, Any], frames: int) -> list[list[Any]]:
    """One box in thousandths per frame of the window; zeros where the reply has none.

    Raises:
        KeyError: No boxes in the reply.
        TypeError: A frame id that is not a number.
        AssertionError: A frame twice, or a fractional frame id.
    """
    boxes = reply['boxes']
    answered = {box['frame_id'] for box in boxes}
    boxes = boxes + [
        {'frame_id': frame, 'bbox': [0, 0, 0, 0]}
        for frame in range(frames)
        if frame not in answered
    ]
    inside = [box for box in boxes if 0 <= box['frame_id'] < frames]
    inside.sort(key=lambda box: box['frame_id'])
    if len(inside) != frames:
        raise AssertionError(f'{len(inside)} boxes for {frames} frames')
    return [box['bbox'] for box in inside]
