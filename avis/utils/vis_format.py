"""The JSON format of YouTube-VIS: its fields, and values derived from them.

One object with the lists ``videos`` (``id``, ``file_names``, ``length``, ``height``, ``width``),
``annotations`` (``id``, ``video_id``, ``category_id``, ``segmentations``, optionally
``iscrowd``, ``areas`` and ``bboxes``) and ``categories`` (``id``, ``name``). A segmentation is an
RLE, a list of polygons, or null. AVISeg and OVIS use it, and in part AVTrack.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

VIDEO_FIELDS = ('id', 'file_names', 'height', 'width')
TRACK_FIELDS = ('id', 'video_id', 'category_id', 'segmentations')
# Known keys of a video and of a track; every other key is an attribute.
_VIDEO_KEYS = {*VIDEO_FIELDS, 'length'}
_TRACK_KEYS = {*TRACK_FIELDS, 'iscrowd', 'areas', 'bboxes', 'height', 'width', 'length'}


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
