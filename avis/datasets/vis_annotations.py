"""Read an annotation file in the format of YouTube-VIS, with a check of every field and mask.

Start reading at :func:`read_vis`. The file is parsed element by element and masks are packed at
once, so memory grows with the masks and not with the text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avis.structures.masks import check_boxes
from avis.structures.packed_masks import PackedMasks
from avis.structures.video_record import Track
from avis.utils.json_stream import Element, JsonStream
from avis.utils.vis_format import (
    CATEGORY_TYPES,
    TRACK_FIELDS,
    TRACK_TYPES,
    VIDEO_FIELDS,
    VIDEO_TYPES,
    FieldType,
    mean_area,
    missing_fields,
    show,
    track_attributes,
    video_name,
    wrong_fields,
)

_VideoId = int | str
_LISTS = ('videos', 'annotations', 'categories')


@dataclass
class VISAnnotations:
    """Content of an annotation file.

    Attributes:
        path: Path of the file.
        videos: Entries by id, in the order of the file.
        tracks: Tracks by video id, in the order of the file; their labels are category ids.
        categories: Names by id, sorted by id.
        annotated: Whether the file has annotations; test splits have none.
        extra: Elements of all other lists of the file, by key.
        warnings: Entries that were skipped or look wrong: locations in the file, by kind.
    """

    path: Path
    videos: dict[_VideoId, dict[str, Any]] = field(default_factory=dict)
    tracks: dict[_VideoId, list[Track]] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    annotated: bool = False
    extra: dict[str, list[Any]] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)

    def add_warning(self, kind: str, location: str) -> None:
        """Count a warning of one kind; :func:`log_warnings` logs them."""
        self.warnings.setdefault(kind, []).append(location)

    def error(self, location: str, problem: str) -> ValueError:
        """Return the error for a location in the file."""
        return ValueError(
            f'{self.path}: {location} {problem}. Fetch the file again, or correct or remove the '
            f'entry.'
        )


def read_vis(
    path: str | Path, *, track_fields: Sequence[str] = TRACK_FIELDS, for_training: bool = False
) -> VISAnnotations:
    """Read an annotation file in the format of YouTube-VIS.

    Args:
        path: Path of a ``.json`` or ``.json.gz`` file.
        track_fields: Fields that every annotation must have; those of AVTrack may lack the masks.
        for_training: Leave out the masks of frames whose box is null, as the loaders of
            Detectron2 do; the scorers read them. An annotation without ``bboxes`` keeps all masks.

    Raises:
        ValueError: The file is not JSON, or an entry is invalid; the message names it.
    """
    file = VISAnnotations(Path(path))
    with JsonStream(path) as stream:
        for element in stream.elements():
            if element.key == 'annotations' and element.number is not None:
                _add_track(file, element, track_fields, for_training=for_training)
            else:
                _add_element(file, element)
    if not file.videos:
        raise ValueError(
            f'{path}: contains no videos, expected an object with the lists {list(_LISTS)}. Fetch '
            f'it again.'
        )
    file.categories = dict(sorted(file.categories.items()))
    _check_tracks(file)
    return file


def _add_element(file: VISAnnotations, element: Element) -> None:
    """Add a video, a category, or an element of another list."""
    key, value, location = element.key, element.value, element.location
    if key in _LISTS and element.number is None:
        # Some test splits state that they have no annotations.
        if key != 'annotations' or value is not None:
            raise file.error(f'{key}:', f'expected a list, got {show(value)}')
    elif key == 'videos':
        _add_video(file, value, location)
    elif key == 'categories':
        _check_fields(file, value, location, ('id',), CATEGORY_TYPES)
        if value['id'] in file.categories:
            raise file.error(f'{location}.id', f'{value["id"]} is the id of an earlier category')
        file.categories[value['id']] = str(value.get('name', value['id']))
    elif key is not None:
        file.extra.setdefault(key, []).append(value)


def _check_fields(
    file: VISAnnotations,
    entry: Any,
    location: str,
    needed: Sequence[str],
    types: Mapping[str, FieldType],
) -> None:
    """Raise an error for the first field of an entry that is missing or of another type."""
    if isinstance(entry, dict):
        for name in missing_fields(entry, needed):
            raise file.error(f'{location}.{name}', 'is missing')
    for path, problem in wrong_fields(entry, types):
        raise file.error(f'{location}.{path}:' if path else f'{location}:', problem)


def _add_video(file: VISAnnotations, video: dict[str, Any], location: str) -> None:
    _check_fields(file, video, location, VIDEO_FIELDS, VIDEO_TYPES)
    _check_kind_of_id(file, video['id'], f'{location}.id')
    if video['id'] in file.videos:
        raise file.error(f'{location}.id', f'{video["id"]!r} is the id of an earlier video, too')
    length = len(video['file_names'])
    if not length:
        raise file.error(f'{location}.file_names', 'is empty, a video has at least one frame')
    if video.get('length', length) != length:
        raise file.error(
            f'{location}.length', f'is {video["length"]}, but there are {length} files'
        )
    file.videos[video['id']] = video


def _add_track(
    file: VISAnnotations, element: Element, fields: Sequence[str], *, for_training: bool
) -> None:
    entry, location = element.value, element.location
    file.annotated = True
    _check_fields(file, entry, location, fields, TRACK_TYPES)
    if for_training:
        entry = _without_boxless_masks(file, entry, location)
    try:
        masks = PackedMasks(entry.get('segmentations', []))
    except ValueError as error:
        raise _error_of_frame(file, f'{location}.segmentations', error) from error
    tracks = file.tracks.setdefault(entry['video_id'], [])
    tracks.append(
        Track(
            id=entry.get('id', len(tracks)),
            label=entry.get('category_id', 1),
            masks=masks,
            crowd=bool(entry.get('iscrowd', 0)),
            area=mean_area(entry.get('areas')),
            attributes={
                **track_attributes(entry),
                'location': location,
                'bboxes': entry.get('bboxes', ()),
            },
        )
    )


def _without_boxless_masks(
    file: VISAnnotations, entry: dict[str, Any], location: str
) -> dict[str, Any]:
    """Return an annotation with null instead of the masks of frames whose box is null."""
    masks, boxes = entry.get('segmentations'), entry.get('bboxes')
    if not masks or boxes is None:
        return entry
    if len(boxes) != len(masks):
        raise file.error(
            f'{location}.bboxes',
            f'has {len(boxes)} boxes, expected one for each of {len(masks)} masks',
        )
    for frame, (mask, box) in enumerate(zip(masks, boxes, strict=True)):
        if mask and not box:
            place = f'{location}.segmentations[{frame}]'
            file.add_warning('mask without a box, left out of training', place)
    kept = [mask if box else None for mask, box in zip(masks, boxes, strict=True)]
    return {**entry, 'segmentations': kept}


def _error_of_frame(file: VISAnnotations, location: str, error: ValueError) -> ValueError:
    """Return the error for a message that begins with ``[frame]:``."""
    frame, problem = str(error).split(': ', 1)
    return file.error(f'{location}{frame}:', problem)


def _check_kind_of_id(file: VISAnnotations, video_id: _VideoId, location: str) -> None:
    """Check that all ids of videos are integers, or all are text."""
    known = next(iter(file.videos), video_id)
    if type(known) is not type(video_id):
        kind = 'an integer' if isinstance(known, int) else 'text'
        problem = f'expected {kind}, as the ids of the videos are, got {show(video_id)}'
        raise file.error(f'{location}:', problem)


def _check_tracks(file: VISAnnotations) -> None:
    """Check tracks against their videos, and remove ``location`` from their attributes."""
    for video_id in [key for key in file.tracks if key not in file.videos]:
        for track in file.tracks.pop(video_id):
            location = track['attributes']['location']
            _check_kind_of_id(file, video_id, f'{location}.video_id')
            file.add_warning('annotation of a video that is not listed', location)
    for video_id, tracks in file.tracks.items():
        video, ids = file.videos[video_id], set()
        for track in tracks:
            location, boxes = (track['attributes'].pop(key) for key in ('location', 'bboxes'))
            if track['id'] in ids:
                raise file.error(f'{location}.id', f'{track["id"]} is the id of two tracks')
            ids.add(track['id'])
            try:
                check_boxes(boxes, video['height'], video['width'])
            except ValueError as error:
                raise _error_of_frame(file, f'{location}.bboxes', error) from error
            if len(track['masks']):
                _check_masks(file, video, track['masks'], f'{location}.segmentations')


def _check_masks(file: VISAnnotations, video: dict[str, Any], masks: Any, location: str) -> None:
    length, size = len(video['file_names']), (video['height'], video['width'])
    if len(masks) != length:
        raise file.error(
            location, f'has {len(masks)} masks for the {length} frames of {video_name(video)!r}'
        )
    if masks.size not in (None, size):
        raise file.error(
            location, f'has RLEs of size {masks.size} in the {size} frames of {video_name(video)!r}'
        )
    try:
        masks.check_polygons(*size)
    except ValueError as error:
        raise _error_of_frame(file, location, error) from error
    if not masks.present.any():
        file.add_warning('track that is null in all frames', location)
    for frame in masks.blank:
        file.add_warning('mask without any area', f'{location}[{frame}]')
