"""The JSON format of YouTube-VIS: its fields, and values derived from them.

One object with the lists ``videos`` (``id``, ``file_names``, ``length``, ``height``, ``width``),
``annotations`` (``id``, ``video_id``, ``category_id``, ``segmentations``, optionally
``iscrowd``, ``areas`` and ``bboxes``) and ``categories`` (``id``, ``name``). A segmentation is an
RLE, a list of polygons, or null. AVISeg and OVIS use it, and in part AVTrack. Results are a list of
``video_id``, ``category_id``, ``score`` and ``segmentations``.

:func:`wrong_fields` checks the type and range of every known field; masks are checked by
:mod:`avis.structures.masks`.
"""

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

VIDEO_FIELDS = ('id', 'file_names', 'height', 'width')
TRACK_FIELDS = ('id', 'video_id', 'category_id', 'segmentations')
RESULT_FIELDS = ('video_id', 'category_id', 'segmentations', 'score')
# Known keys of a video and of a track; every other key is an attribute.
_VIDEO_KEYS = {*VIDEO_FIELDS, 'length'}
_TRACK_KEYS = {*TRACK_FIELDS, 'iscrowd', 'areas', 'bboxes', 'height', 'width', 'length'}


class FieldType(NamedTuple):
    """The values that a field may have, for msgspec and in words."""

    type: Any
    expected: str


_INT64 = 2**63 - 1
_Integer = Annotated[int, Meta(ge=-_INT64, le=_INT64)]
_Count = Annotated[int, Meta(ge=0, le=_INT64)]
_Text = Annotated[str, Meta(min_length=1)]
# At least one character that is neither a dot nor a slash, so that it has a name; no null byte.
_FileName = Annotated[str, Meta(pattern=r'\A[^\0]*[^./\0][^\0]*\Z')]
_VIDEO_ID = FieldType(_Integer | _Text, 'an integer, or text')
_SIDE = FieldType(Annotated[int, Meta(ge=1, le=65535)], 'an integer from 1 to 65535')
_COUNT = FieldType(_Count, 'an integer from 0 on')
_INTEGER = FieldType(_Integer, 'an integer')
_LIST = FieldType(list[Any], 'a list with one entry per frame')

VIDEO_TYPES: Mapping[str, FieldType] = {
    'id': _VIDEO_ID,
    'file_names': FieldType(list[_FileName], 'a list of file names'),
    'height': _SIDE,
    'width': _SIDE,
    'length': _COUNT,
    'fps': FieldType(Annotated[float, Meta(gt=0, le=1e6)], 'a number above 0'),
}
TRACK_TYPES: Mapping[str, FieldType] = {
    'id': _COUNT,
    'video_id': _VIDEO_ID,
    'category_id': _INTEGER,
    'iscrowd': FieldType(bool | Literal[0, 1], '0 or 1'),
    'height': _SIDE,
    'width': _SIDE,
    'length': _COUNT,
    'segmentations': _LIST,
    'bboxes': _LIST,
    'areas': FieldType(
        list[Annotated[float, Meta(ge=0, le=1e18)] | None], 'a list of numbers from 0 on, or null'
    ),
}
CATEGORY_TYPES: Mapping[str, FieldType] = {'id': _INTEGER, 'name': FieldType(_Text, 'text')}
RESULT_TYPES: Mapping[str, FieldType] = {
    'video_id': _VIDEO_ID,
    'category_id': _INTEGER,
    'segmentations': _LIST,
}
_AT = re.compile(r' - at `\$(.*)`$')


def wrong_fields(
    entry: Any, types: Mapping[str, FieldType], *, skip: Collection[str] = ()
) -> list[tuple[str, str]]:
    """The fields of an entry whose values have another type or range.

    Args:
        entry: An element of a list of the file.
        types: The types of the fields; others are not checked, nor are missing ones.
        skip: Fields that are not checked.

    Returns:
        Path in the entry, such as ``areas[2]``, and a message for each.

    >>> wrong_fields({'id': '0', 'areas': [4, math.nan]}, TRACK_TYPES)[0]
    ('id', 'expected an integer from 0 on, got "0"')
    >>> wrong_fields(72, TRACK_TYPES)
    [('', 'expected an object, got 72')]
    """
    if not isinstance(entry, dict):
        return [('', f'expected an object, got {show(entry)}')]
    wrong = []
    for name, kind in types.items():
        if name not in entry or name in skip:
            continue
        try:
            msgspec.convert(entry[name], kind.type)
        except msgspec.ValidationError as error:
            wrong.append(_wrong(name, entry[name], kind, str(error)))
    return wrong


def _wrong(name: str, value: Any, kind: FieldType, error: str) -> tuple[str, str]:
    """Path and message of a field that msgspec refused."""
    found = _AT.search(error)
    path = found[1] if found else ''
    for index in re.findall(r'\[(\d+)\]', path):
        value = value[int(index)]
    return f'{name}{path}', f'expected {kind.expected}, got {show(value)}'


def show(value: Any) -> str:
    """Show a value of a JSON file in a message, shortened.

    >>> show(None), show('0'), show([1, 2])
    ('null', '"0"', 'a list of 2 elements')
    """
    if isinstance(value, list):
        return f'a list of {len(value)} element{"" if len(value) == 1 else "s"}'
    if isinstance(value, dict):
        return f'an object with {len(value)} key{"" if len(value) == 1 else "s"}'
    text = json.dumps(value)
    return text if len(text) <= 60 else f'{text[:60]}...'


def is_finite(value: Any) -> bool:
    """Whether a value is a number, neither NaN nor infinite, and small enough for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def missing_fields(entry: Mapping[str, Any], needed: Sequence[str]) -> list[str]:
    """The fields in ``needed`` that are missing in an entry."""
    return [name for name in needed if name not in entry]


def video_name(video: Mapping[str, Any]) -> str:
    """The folder of a video, or its id if it has no files.

    >>> video_name({'id': 3, 'file_names': ['-a_b/00000.jpg']})
    '-a_b'
    """
    files = video['file_names']
    return PurePosixPath(files[0]).parts[0] if files else str(video['id'])


def video_attributes(video: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a video beyond the known ones."""
    return {key: value for key, value in video.items() if key not in _VIDEO_KEYS}


def track_attributes(track: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a track beyond the known ones."""
    return {key: value for key, value in track.items() if key not in _TRACK_KEYS}


def mean_area(areas: Sequence[float | None] | None) -> float | None:
    """Mean of the non-zero areas of the ground truth; None if it has no areas.

    >>> mean_area([4, None, 0, 8]), mean_area([None]), mean_area(None)
    (6.0, 0.0, None)
    """
    if areas is None:
        return None
    known = [area for area in areas if area]
    return sum(known) / len(known) if known else 0.0
