"""The tracks of one video in the format of YouTube-VIS: their offsets in the file, and masks."""

import contextlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from avis.evaluation.benchmarks.problems import ProblemLog
from avis.structures.masks import RLE, blank_rle, check_boxes, to_rle, to_rles
from avis.utils.json_stream import Element, JsonStream
from avis.utils.vis_format import TRACK_TYPES, FieldType, missing_fields, wrong_fields

VideoId: TypeAlias = int | str
# The fields with one value per frame, read when the video is scored.
MASK_TYPES = {name: TRACK_TYPES[name] for name in ('segmentations', 'areas', 'bboxes')}


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
    """One video: its size, the offsets of its tracks in the file, and their ids."""

    id: VideoId
    name: str
    length: int
    height: int
    width: int
    attributes: dict[str, Any]
    offsets: TrackOffsets = field(default_factory=TrackOffsets)
    track_ids: 'array[int]' = field(default_factory=lambda: array('q'))


class TrackCollector:
    """Collects the tracks of one side of a video and checks their masks."""

    def __init__(self, video: VisVideo, path: Path, key: str, log: ProblemLog) -> None:
        self.video, self.path, self.key, self.log = video, path, key, log
        self.rles: list[list[RLE | None]] = []
        self.labels: list[int] = []
        self.crowd: list[bool] = []
        self.sizes: list[float | None] = []
        self.scores: list[float] = []

    def read(self, stream: JsonStream, index: int, start: int, end: int) -> dict[str, Any] | None:
        """Read the entry of a track again; None if it cannot be used."""
        try:
            entry: dict[str, Any] = stream.read(start, end)
        except ValueError as error:
            self.log.add('bad_field', self.path, str(error), field=f'{self.key}[{index}]')
            return None
        return entry

    def add(self, index: int, entry: dict[str, Any]) -> bool:
        """Add a track; return False if it cannot be used."""
        where, masks = f'{self.key}[{index}]', entry['segmentations']
        wrong = wrong_fields(entry, MASK_TYPES)
        for path, message in wrong:
            self.log.add('bad_field', self.path, message, field=f'{where}.{path}')
        if wrong or not self._has_length(masks, f'{where}.segmentations'):
            return False
        self._check_boxes(entry.get('bboxes', ()), f'{where}.bboxes')
        self.rles.append(self._to_rles(masks[: self.video.length], f'{where}.segmentations'))
        self.labels.append(entry['category_id'])
        return True

    def _has_length(self, masks: list[Any], where: str) -> bool:
        """Whether a track has a mask, or null, for each frame, and perhaps more nulls."""
        length = self.video.length
        if len(masks) == length:
            return True
        message = f'{len(masks)} masks for the {length} frames of video {self.video.name}'
        kind = 'too_few_frames' if len(masks) < length else 'frame_count'
        # The official evaluators count masks after the last frame in some scores.
        if any(mask is not None for mask in masks[length:]):
            kind = 'too_many_frames'
        return self.log.add(kind, self.path, message, field=where) != 'stop'

    def _check_boxes(self, boxes: Sequence[Any], where: str) -> None:
        try:
            check_boxes(boxes, self.video.height, self.video.width)
        except ValueError as error:
            index, message = str(error).split(': ', 1)
            self.log.add('bad_field', self.path, message, field=f'{where}{index}')

    def _to_rles(self, masks: list[Any], where: str) -> list[RLE | None]:
        size = self.video.height, self.video.width
        if [] not in masks:
            with contextlib.suppress(ValueError):
                rles = to_rles(masks, *size)
                self._report_empty_runs(masks, rles, where)
                return rles
        rles = [self._to_rle(mask, f'{where}[{t}]') for t, mask in enumerate(masks)]
        self._report_empty_runs(masks, rles, where)
        return rles

    def _report_empty_runs(
        self, masks: Sequence[Any], rles: Sequence[RLE | None], where: str
    ) -> None:
        for frame, (mask, rle) in enumerate(zip(masks, rles, strict=True)):
            if not isinstance(mask, dict) or rle is None:
                continue
            counts = mask['counts']
            if 0 in counts[1:-1] if isinstance(counts, list) else counts.encode() != rle['counts']:
                message = 'has runs of 0 pixels; encode the mask again with pycocotools'
                self.log.add('empty_run', self.path, message, field=f'{where}[{frame}]')

    def _to_rle(self, mask: Any, where: str) -> RLE | None:
        if mask is None:
            return None
        height, width = self.video.height, self.video.width
        if mask == []:
            message = 'an empty list is read as a blank mask; write null for an absent mask'
            self.log.add('empty_list', self.path, message, field=where)
            return blank_rle(height, width)
        try:
            return to_rle(mask, height, width)
        except ValueError as error:
            wrong_size = str(error).startswith('RLE of size')
            message = f'{error}, video {self.video.name}'
            kind = 'wrong_size' if wrong_size else 'bad_mask'
            self.log.add(kind, self.path, message, field=where)
            return None


def check_fields(
    element: Element,
    needed: Sequence[str],
    types: Mapping[str, FieldType],
    path: Path,
    log: ProblemLog,
) -> bool:
    """Whether an entry is an object with all fields it needs, of the right types.

    Args:
        element: The entry, perhaps without the fields of masks.
        needed: Fields that it must have.
        types: The types of its fields.
        path: The file.
        log: Collects the problems.
    """
    where, problems = element.location, []
    if isinstance(element.value, dict):
        missing = missing_fields(element.value, needed)
        problems = [('missing_field', name, 'is missing') for name in missing]
    wrong = wrong_fields(element.value, types, skip=MASK_TYPES)
    problems += [('bad_field', name, message) for name, message in wrong]
    for kind, name, message in problems:
        log.add(kind, path, message, field=f'{where}.{name}' if name else where)
    return not problems
