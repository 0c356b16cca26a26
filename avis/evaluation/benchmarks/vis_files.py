"""Ground truth and results in the format of YouTube-VIS, read video by video.

Ground truth: one JSON file (or ``.json.gz``) with ``videos`` (``id``, ``file_names``, ``length``,
``height``, ``width``), ``annotations`` (``id``, ``video_id``, ``category_id``, ``segmentations``,
optionally ``iscrowd`` and ``areas``) and ``categories`` (``id``). Results: a list of ``video_id``,
``category_id``, ``score`` and ``segmentations``. A segmentation is an RLE, a list of polygons, or
null.

In memory only the offsets of the entries in the files are kept; the entries of a video are parsed
again when it is scored, and its masks are converted to compressed RLEs. Every field is checked: one
of another type or range than the format has is a problem that names it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from avis.evaluation.benchmarks.problems import ProblemLog, Rule
from avis.evaluation.benchmarks.vis_tracks import (
    MASK_TYPES,
    TrackCollector,
    TrackOffsets,
    VideoId,
    VisVideo,
    check_fields,
)
from avis.evaluation.functional.overlap import TrackMasks
from avis.utils.json_stream import Element, JsonStream
from avis.utils.vis_format import (
    CATEGORY_TYPES,
    RESULT_FIELDS,
    RESULT_TYPES,
    TRACK_FIELDS,
    TRACK_TYPES,
    VIDEO_FIELDS,
    VIDEO_TYPES,
    FieldType,
    is_finite,
    mean_area,
    show,
    video_attributes,
    video_name,
)

RULES: Mapping[str, Rule] = {
    'missing_field': Rule('stop'),
    'bad_field': Rule('stop'),
    'bad_mask': Rule('stop'),
    # pycocotools, with which the official evaluators compare masks, stops where both have one.
    'empty_run': Rule('stop', None),
    'wrong_size': Rule('stop'),
    'frame_count': Rule('keep'),
    'too_few_frames': Rule('stop'),
    'too_many_frames': Rule('stop'),
    'unknown_video': Rule('ignore'),
    'unknown_category': Rule('ignore'),
    'bad_score': Rule('stop'),
    'nan_score': Rule('keep'),
    # A duplicate only costs precision, also under the corrected protocol.
    'duplicate_track': Rule('keep', 'keep'),
    'duplicate_id': Rule('stop'),
    # Only the evaluator of YouTube-VIS looks a track up by its id alone.
    'repeated_id': Rule(None, None),
    'id_zero': Rule(None, None),
    'empty_list': Rule('keep', None),
}
_LISTS = ('videos', 'annotations', 'categories')
_LATER = set(MASK_TYPES)  # read when the video is scored


class _GtTrack(NamedTuple):
    """The ids of a gt track, and the offsets of its entry."""

    video_id: VideoId
    id: int
    category_id: int
    number: int
    start: int
    end: int


class VisGroundTruth:
    """The ground-truth file.

    Args:
        path: Path of the file.
        log: Collects the problems.
        by_id: Look tracks up by their id alone, as the evaluator of YouTube-VIS does: the last
            track of the file with this id is scored in place of each.

    Attributes:
        videos: The videos by id, in the order of the file.
        categories: Names of the classes by id.
        refused: Number of entries of each list with a problem: an id that is unknown may be theirs.
    """

    def __init__(self, path: str | Path, log: ProblemLog, *, by_id: bool = False) -> None:
        self.stream = JsonStream(path)
        self.path = self.stream.path
        self.videos: dict[VideoId, VisVideo] = {}
        self.categories: dict[int, str] = {}
        self.refused = dict.fromkeys(_LISTS, 0)
        tracks: list[_GtTrack] = []
        for element in self.stream.elements(skip=_LATER):
            if element.number is None:
                if element.key in _LISTS:
                    self.refused[str(element.key)] += 1
                    message = f'expected a list, got {show(element.value)}'
                    log.add('bad_field', self.path, message, field=str(element.key))
            elif element.key == 'videos':
                self._add_video(element, log)
            elif element.key == 'categories':
                self._add_category(element, log)
            elif element.key == 'annotations' and self._complete(
                element, TRACK_FIELDS, TRACK_TYPES, log
            ):
                value = element.value
                ids = value['video_id'], value['id'], value['category_id']
                tracks.append(_GtTrack(*ids, element.number or 0, element.start, element.end))
        self._check_lists(log)
        for track in self._by_id(tracks, log) if by_id else self._known(tracks, log):
            video = self.videos[track.video_id]
            video.offsets.add(track.number, track.start, track.end)
            video.track_ids.append(track.id)

    def tracks(self, video: VisVideo, log: ProblemLog) -> TrackMasks:
        """The gt tracks of one video, in the order of the annotations."""
        found = TrackCollector(video, self.path, 'annotations', log)
        for index, start, end in video.offsets:
            entry = found.read(self.stream, index, start, end)
            if entry is not None and found.add(index, entry):
                found.crowd.append(bool(entry.get('iscrowd', 0)))
                found.sizes.append(mean_area(entry.get('areas')))
        known = None not in found.sizes
        ids = video.track_ids.tolist()
        return TrackMasks(
            found.rles,
            labels=found.labels,
            ids=ids if len(found.rles) == len(ids) == len(set(ids)) else None,
            crowd=found.crowd,
            # Without the field, the sizes come from the masks, for all tracks of the video.
            sizes=[size or 0.0 for size in found.sizes] if known else None,
        )

    def wrong_kind_of_id(self, video_id: VideoId) -> str | None:
        """What is wrong with the type of an id that no video has; None if it may be one."""
        kinds = {type(known) for known in self.videos}
        if not kinds or type(video_id) in kinds:
            return None
        kind = 'an integer' if int in kinds else 'text'
        return f'expected {kind}, as the ids of the videos are, got {show(video_id)}'

    def _complete(
        self,
        element: Element,
        needed: Sequence[str],
        types: Mapping[str, FieldType],
        log: ProblemLog,
    ) -> bool:
        right = check_fields(element, needed, types, self.path, log)
        self.refused[str(element.key)] += not right
        return right

    def _check_lists(self, log: ProblemLog) -> None:
        """Check that the file has the three lists, of which ``annotations`` may be empty."""
        missing = [key for key in _LISTS if key not in self.stream.lists]
        if set(missing) == set(_LISTS) and not log.stopped:
            raise ValueError(
                f'{self.path} has {len(self.videos)} videos and {len(self.categories)} categories; '
                f'expected an object with the lists videos, annotations and categories'
            )
        stated = {problem.field for problem in log.problems}
        for key in missing:
            if key not in stated:
                log.add('missing_field', self.path, 'is missing', field=key)
        for key, found in (('videos', self.videos), ('categories', self.categories)):
            if key not in missing and not self.stream.lists[key] and not found:
                log.add('bad_field', self.path, 'expected a list with entries', field=key)

    def _add_video(self, element: Element, log: ProblemLog) -> None:
        value, where = element.value, element.location
        if not self._complete(element, VIDEO_FIELDS, VIDEO_TYPES, log):
            return
        if value['id'] in self.videos:
            log.add(
                'duplicate_id', self.path, f'id {value["id"]!r} is used twice', field=f'{where}.id'
            )
            return
        wrong = self.wrong_kind_of_id(value['id'])
        if wrong is not None:
            self.refused['videos'] += 1
            log.add('bad_field', self.path, wrong, field=f'{where}.id')
            return
        # The number of files counts, not the field.
        length = len(value['file_names'])
        stated = value.get('length', length)
        if stated != length:
            message = f'is {stated}, but file_names has {length} entries'
            log.add('frame_count', self.path, message, field=f'{where}.length')
        attributes = {**video_attributes(value), 'length': length}
        size = value['height'], value['width']
        video = VisVideo(value['id'], video_name(value), length, *size, attributes)
        self.videos[video.id] = video

    def _add_category(self, element: Element, log: ProblemLog) -> None:
        value = element.value
        if not self._complete(element, ('id',), CATEGORY_TYPES, log):
            return
        name = value.get('name', str(value['id']))
        if value['id'] in self.categories or name in self.categories.values():
            key = 'id' if value['id'] in self.categories else 'name'
            message = f'{key} {value[key]!r} is used twice'
            log.add('duplicate_id', self.path, message, field=f'{element.location}.{key}')
            return
        self.categories[value['id']] = name

    def _known(self, tracks: Sequence[_GtTrack], log: ProblemLog) -> Iterator[_GtTrack]:
        """The tracks of known videos, each id of a video once."""
        known: set[tuple[VideoId, int]] = set()
        for track in tracks:
            where = f'annotations[{track.number}]'
            video = self.videos.get(track.video_id)
            if video is None:
                self._report_video(track.video_id, f'{where}.video_id', log)
                continue
            if not (self._has_class(track) or self.refused['categories']):
                message = f'no category has the id {track.category_id!r}'
                log.add('unknown_category', self.path, message, field=f'{where}.category_id')
            if (track.video_id, track.id) in known:
                message = f'id {track.id!r} is used twice in video {video.name}'
                log.add('duplicate_id', self.path, message, field=f'{where}.id')
                continue
            known.add((track.video_id, track.id))
            yield track

    def _report_video(self, video_id: VideoId, where: str, log: ProblemLog) -> None:
        wrong = self.wrong_kind_of_id(video_id)
        if wrong is not None:
            log.add('bad_field', self.path, wrong, field=where)
        elif not self.refused['videos']:
            log.add('unknown_video', self.path, f'no video has the id {video_id!r}', field=where)

    def _by_id(self, tracks: Sequence[_GtTrack], log: ProblemLog) -> Iterator[_GtTrack]:
        """The tracks that the evaluator of YouTube-VIS finds under the ids of the known ones."""
        last = {track.id: track for track in tracks}
        listed = (track for track in self._known(tracks, log) if self._has_class(track))
        for track in sorted(listed, key=lambda track: track.video_id):  # type: ignore[arg-type, return-value]
            found, where = last[track.id], f'annotations[{track.number}].id'
            if found is not track:
                message = (
                    f'id {track.id} is also that of annotations[{found.number}], which is scored '
                    f'in place of this track'
                )
                log.add('repeated_id', self.path, message, field=where)
            elif track.id == 0:
                message = 'a prediction that is matched with id 0 counts as unmatched'
                log.add('id_zero', self.path, message, field=where)
            if found.video_id in self.videos:
                yield found

    def _has_class(self, track: _GtTrack) -> bool:
        return track.category_id in self.categories


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
        self.offsets: dict[VideoId, TrackOffsets] = {}
        for element in self.stream.elements(skip=_LATER):
            if element.key is not None or element.number is None:
                break
            if self._check(element, gt, log):
                offsets = self.offsets.setdefault(element.value['video_id'], TrackOffsets())
                offsets.add(element.number, element.start, element.end)
        if None not in self.stream.lists:
            raise ValueError(
                f'{self.path}: expected a list of objects with video_id, category_id, score and '
                f'segmentations, got an object. Are these the results?'
            )

    def tracks(self, video: VisVideo, log: ProblemLog) -> TrackMasks:
        """The predicted tracks of one video, in the order of the file."""
        found = TrackCollector(video, self.path, '', log)
        known: dict[Any, int] = {}
        for index, start, end in self.offsets.get(video.id, TrackOffsets()):
            entry = found.read(self.stream, index, start, end)
            if entry is None or not found.add(index, entry):
                continue
            found.scores.append(float(entry['score']))
            masks = tuple(None if rle is None else rle['counts'] for rle in found.rles[-1])
            first = known.setdefault((entry['category_id'], masks), index)
            if first != index:
                message = f'same class and masks as [{first}]'
                log.add('duplicate_track', self.path, message, field=f'[{index}]')
        return TrackMasks(found.rles, labels=found.labels, scores=found.scores)

    def _check(self, element: Element, gt: VisGroundTruth, log: ProblemLog) -> bool:
        """Whether an entry is complete and belongs to a known video."""
        value, where = element.value, element.location
        if not check_fields(element, RESULT_FIELDS, RESULT_TYPES, self.path, log):
            return False
        score, video_id = value['score'], value['video_id']
        if isinstance(score, float) and math.isnan(score):
            log.add('nan_score', self.path, 'is NaN', field=f'{where}.score')
        elif not is_finite(score):
            message = f'expected a number, got {show(score)}'
            log.add('bad_score', self.path, message, field=f'{where}.score')
            return False
        if value['category_id'] not in gt.categories and not gt.refused['categories']:
            message = f'no category of the ground truth has the id {value["category_id"]!r}'
            log.add('unknown_category', self.path, message, field=f'{where}.category_id')
        if video_id in gt.videos:
            return True
        wrong = gt.wrong_kind_of_id(video_id)
        if wrong is not None:
            log.add('bad_field', self.path, wrong, field=f'{where}.video_id')
        elif not gt.refused['videos']:
            message = f'no video of the ground truth has the id {video_id!r}'
            log.add('unknown_video', self.path, message, field=f'{where}.video_id')
        return False
