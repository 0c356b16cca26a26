"""Ground truth and results in the format of YouTube-VIS, read video by video.

Ground truth: one JSON file (or ``.json.gz``) with ``videos`` (``id``, ``file_names``, ``length``,
``height``, ``width``), ``annotations`` (``id``, ``video_id``, ``category_id``, ``segmentations``,
optionally ``iscrowd`` and ``areas``) and ``categories`` (``id``). Results: a list of ``video_id``,
``category_id``, ``score`` and ``segmentations``. A segmentation is an RLE, a list of polygons, or
null.

In memory only the offsets of the entries in the files are kept; the entries of a video are parsed
again when it is scored, and its masks are converted to compressed RLEs.
"""

import contextlib
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from avis.evaluation.benchmarks.problems import ProblemLog, Rule
from avis.evaluation.functional.overlap import TrackMasks
from avis.structures.masks import RLE, encode_mask, to_rle
from avis.utils.json_stream import JsonStream
from avis.utils.vis_format import (
    TRACK_FIELDS,
    VIDEO_FIELDS,
    mean_area,
    missing_fields,
    video_attributes,
    video_name,
)

RULES: Mapping[str, Rule] = {
    'missing_field': Rule('stop'),
    'bad_mask': Rule('stop'),
    'wrong_size': Rule('stop'),
    'frame_count': Rule('keep'),
    'too_few_frames': Rule('stop'),
    'too_many_frames': Rule('ignore'),
    'unknown_video': Rule('ignore'),
    'unknown_category': Rule('ignore'),
    'bad_score': Rule('stop'),
    'nan_score': Rule('keep'),
    # A duplicate only costs precision, also under the corrected protocol.
    'duplicate_track': Rule('keep', 'keep'),
    'duplicate_id': Rule('stop'),
    'empty_list': Rule('keep', None),
}
_RESULT_FIELDS = ('video_id', 'category_id', 'segmentations', 'score')
_LATER = {'segmentations', 'areas', 'bboxes'}  # read when the video is scored

_VideoId: TypeAlias = int | str


class TrackOffsets:
    """Index, start and end of each track of a video in its file: 24 bytes each."""

    def __init__(self) -> None:
        self._values = array('q')

    def __len__(self) -> int:
        return len(self._values) // 3

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(*(self._values[k::3] for k in range(3)), strict=True)

    def add(self, index: int, start: int, end: int) -> None:
        """Add a track."""
        self._values.extend((index, start, end))


@dataclass
class VisVideo:
    """One video: its size, and the offsets of its tracks in the file."""

    id: _VideoId
    name: str
    length: int
    height: int
    width: int
    attributes: dict[str, Any]
    offsets: TrackOffsets = field(default_factory=TrackOffsets)


class VisGroundTruth:
    """The ground-truth file.

    Args:
        path: Path of the file.
        log: Collects the problems.

    Attributes:
        videos: The videos by id, in the order of the file.
        categories: Names of the classes by id.
    """

    def __init__(self, path: str | Path, log: ProblemLog) -> None:
        self.stream = JsonStream(path)
        self.path = self.stream.path
        self.videos: dict[_VideoId, VisVideo] = {}
        self.categories: dict[int, str] = {}
        tracks: list[tuple[Any, Any, Any, int, int, int]] = []
        counts: dict[str | None, int] = {}
        for key, value, start, end in self.stream.elements(skip=_LATER):
            index = counts[key] = counts.get(key, -1) + 1
            if key == 'videos':
                self._add_video(value, index, log)
            elif key == 'categories':
                self.categories[value['id']] = value.get('name', str(value['id']))
            elif key == 'annotations' and _complete(
                value, TRACK_FIELDS, f'annotations[{index}]', self.path, log
            ):
                ids = value['video_id'], value['id'], value['category_id']
                tracks.append((*ids, index, start, end))
        if not (self.videos and self.categories):
            raise ValueError(
                f'{self.path} has {len(self.videos)} videos and {len(self.categories)} categories; '
                f'expected an object with the lists videos, annotations and categories'
            )
        known: set[tuple[_VideoId, Any]] = set()
        for video_id, track_id, category_id, *offsets in tracks:
            self._add_track((video_id, track_id), category_id, offsets, known, log)

    def tracks(self, video: VisVideo, log: ProblemLog) -> TrackMasks:
        """The gt tracks of one video, in the order of the annotations."""
        found = _TrackCollector(video, self.path, 'annotations', log)
        for index, start, end in video.offsets:
            entry = self.stream.read(start, end)
            if found.add(index, entry):
                found.ids.append(entry['id'])
                found.crowd.append(bool(entry.get('iscrowd', 0)))
                found.sizes.append(mean_area(entry.get('areas')))
        known = None not in found.sizes
        return TrackMasks(
            found.rles,
            labels=found.labels,
            ids=found.ids,
            crowd=found.crowd,
            # Without the field, the sizes come from the masks, for all tracks of the video.
            sizes=[size or 0.0 for size in found.sizes] if known else None,
        )

    def _add_video(self, value: dict[str, Any], index: int, log: ProblemLog) -> None:
        where = f'videos[{index}]'
        if not _complete(value, VIDEO_FIELDS, where, self.path, log):
            return
        if value['id'] in self.videos:
            log.add(
                'duplicate_id', self.path, f'id {value["id"]!r} is used twice', field=f'{where}.id'
            )
            return
        size = int(value['height']), int(value['width'])
        # The number of files counts, not the field.
        length = len(value['file_names'])
        stated = value.get('length', length)
        if stated != length:
            message = f'is {stated}, but file_names has {length} entries'
            log.add('frame_count', self.path, message, field=f'{where}.length')
        attributes = {**video_attributes(value), 'length': length}
        video = VisVideo(value['id'], video_name(value), length, *size, attributes)
        self.videos[video.id] = video

    def _add_track(
        self,
        ids: tuple[_VideoId, Any],
        category_id: Any,
        offsets: Sequence[int],
        known: set[tuple[_VideoId, Any]],
        log: ProblemLog,
    ) -> None:
        where = f'annotations[{offsets[0]}]'
        video = self.videos.get(ids[0])
        if video is None:
            message = f'no video has the id {ids[0]!r}'
            log.add('unknown_video', self.path, message, field=f'{where}.video_id')
            return
        if category_id not in self.categories:
            message = f'no category has the id {category_id!r}'
            log.add('unknown_category', self.path, message, field=f'{where}.category_id')
        if ids in known:
            message = f'id {ids[1]!r} is used twice in video {video.name}'
            log.add('duplicate_id', self.path, message, field=f'{where}.id')
            return
        known.add(ids)
        video.offsets.add(*offsets)


class VisResults:
    """The results file.

    Args:
        path: Path of the file.
        gt: The ground truth.
        log: Collects the problems.
    """

    def __init__(self, path: str | Path, gt: VisGroundTruth, log: ProblemLog) -> None:
        self.stream = JsonStream(path)
        self.path = self.stream.path
        self.offsets: dict[_VideoId, TrackOffsets] = {}
        for index, (key, value, start, end) in enumerate(self.stream.elements(skip=_LATER)):
            if key is not None or not isinstance(value, dict):
                raise ValueError(
                    f'{self.path}: entry {index} is not a result; expected a list of objects with '
                    f'video_id, category_id, score and segmentations'
                )
            if self._check(value, f'[{index}]', gt, log):
                self.offsets.setdefault(value['video_id'], TrackOffsets()).add(index, start, end)

    def tracks(self, video: VisVideo, log: ProblemLog) -> TrackMasks:
        """The predicted tracks of one video, in the order of the file."""
        found = _TrackCollector(video, self.path, '', log)
        known: dict[Any, int] = {}
        for index, start, end in self.offsets.get(video.id, TrackOffsets()):
            entry = self.stream.read(start, end)
            if not found.add(index, entry):
                continue
            found.scores.append(float(entry['score']))
            masks = tuple(None if rle is None else rle['counts'] for rle in found.rles[-1])
            first = known.setdefault((entry['category_id'], masks), index)
            if first != index:
                message = f'same class and masks as [{first}]'
                log.add('duplicate_track', self.path, message, field=f'[{index}]')
        return TrackMasks(found.rles, labels=found.labels, scores=found.scores)

    def _check(
        self, value: dict[str, Any], where: str, gt: VisGroundTruth, log: ProblemLog
    ) -> bool:
        """Whether an entry is complete and belongs to a known video."""
        if not _complete(value, _RESULT_FIELDS, where, self.path, log):
            return False
        score = value['score']
        if isinstance(score, bool) or not isinstance(score, int | float):
            message = f'expected a number, got {score!r}'
            log.add('bad_score', self.path, message, field=f'{where}.score')
            return False
        if math.isnan(score):
            log.add('nan_score', self.path, 'is NaN', field=f'{where}.score')
        if value['category_id'] not in gt.categories:
            message = f'no category of the ground truth has the id {value["category_id"]!r}'
            log.add('unknown_category', self.path, message, field=f'{where}.category_id')
        if value['video_id'] not in gt.videos:
            message = f'no video of the ground truth has the id {value["video_id"]!r}'
            log.add('unknown_video', self.path, message, field=f'{where}.video_id')
            return False
        return True


class _TrackCollector:
    """Collects the tracks of one side of a video and checks their masks."""

    def __init__(self, video: VisVideo, path: Path, key: str, log: ProblemLog) -> None:
        self.video, self.path, self.key, self.log = video, path, key, log
        self.rles: list[list[RLE | None]] = []
        self.labels: list[int] = []
        self.ids: list[int] = []
        self.crowd: list[bool] = []
        self.sizes: list[float | None] = []
        self.scores: list[float] = []

    def add(self, index: int, entry: dict[str, Any]) -> bool:
        """Add a track; return False if it cannot be used."""
        where, masks = f'{self.key}[{index}].segmentations', entry['segmentations']
        length = self.video.length
        if not isinstance(masks, list) or len(masks) != length:
            found = len(masks) if isinstance(masks, list) else repr(masks)
            kind = (
                'too_many_frames' if isinstance(found, int) and found > length else 'too_few_frames'
            )
            message = f'{found} masks for the {length} frames of video {self.video.name}'
            if self.log.add(kind, self.path, message, field=where) == 'stop':
                return False
        self.rles.append(self._to_rles(masks[:length], where))
        self.labels.append(entry['category_id'])
        return True

    def _to_rles(self, masks: list[Any], where: str) -> list[RLE | None]:
        size = self.video.height, self.video.width
        if [] not in masks:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                return [None if mask is None else to_rle(mask, *size) for mask in masks]
        return [self._to_rle(mask, f'{where}[{t}]') for t, mask in enumerate(masks)]

    def _to_rle(self, mask: Any, where: str) -> RLE | None:
        if mask is None:
            return None
        height, width = self.video.height, self.video.width
        if mask == []:
            message = 'an empty list is read as a blank mask; write null for an absent mask'
            self.log.add('empty_list', self.path, message, field=where)
            return encode_mask(np.zeros((height, width), bool))
        kind = 'bad_mask'
        try:
            if isinstance(mask, dict) and list(mask['size']) != [height, width]:
                kind = 'wrong_size'
            return to_rle(mask, height, width)
        except (KeyError, TypeError, ValueError) as error:
            message = f'{error}, video {self.video.name}'
            self.log.add(kind, self.path, message, field=where)
            return None


def _complete(
    value: Mapping[str, Any], needed: tuple[str, ...], where: str, path: Path, log: ProblemLog
) -> bool:
    """Whether an entry has all fields it needs."""
    missing = missing_fields(value, needed)
    for name in missing:
        log.add('missing_field', path, 'is missing', field=f'{where}.{name}')
    return not missing
