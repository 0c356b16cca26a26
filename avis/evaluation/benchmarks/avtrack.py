"""AVTrack: folders of person masks against one gray image per frame.

Truth: ``avtrack_meta.json`` with ``videos`` (``file_names``, whose first part is the name), and
``Instance_Masks_merged/<video>/frame_%05d.png``, whose gray levels are the persons. Prediction:
``<video>/<person>/frame_%04d.png``, non-zero where the person is, no file where nobody is. The
number in a file name is that of the frame.

Frames are read, painted and counted one after the other; what J&F needs of them is kept as runs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.base import Benchmark, Summary, Video, VideoScore
from avis.evaluation.benchmarks.png_folders import frame_number, read_or_note
from avis.evaluation.benchmarks.problems import Problem, ProblemLog, Rule
from avis.evaluation.functional.avtrack import (
    SUMMARY,
    VOID,
    AVTrackCounts,
    MaskReaders,
    average_videos,
    failed_video,
    score_video,
)
from avis.evaluation.functional.counts import OfficialEvaluatorError, Protocol
from avis.evaluation.functional.diagnosis import count_diagnosis
from avis.evaluation.functional.overlap import VideoOverlap
from avis.evaluation.functional.resampling import mean_of_known
from avis.utils.json_stream import JsonStream
from avis.utils.png import Runs, read_png, read_png_runs
from avis.utils.vis_format import video_attributes, video_name

_META = ('avtrack_meta.json', 'avtrack_meta.json.gz', 'avtract_meta.json')
_MASKS = 'Instance_Masks_merged'
_GENRE = re.compile(r'([A-Za-z]+)_[A-Z]_\d+$')

LabelMap = NDArray[Any]


class AVTrack(Benchmark[AVTrackCounts]):
    """HOTA, DetA, AssA, IDF1, MOTA and J&F of AVTrack, in percent.

    Args:
        gt: The data set, or its folder ``Instance_Masks_merged`` alone.
        pred: Folder with a folder for each video.
        protocol: ``'official'`` or ``'corrected'``.
        with_jf: Score J&F too. ``official`` has no mean of it if a video fails, other than the
            first one: see :mod:`avis.evaluation.functional.avtrack`.
    """

    NAME = 'avtrack'
    HEADLINE = ('HOTA', 'DetA', 'AssA', 'IDF1', 'MOTA')
    DIAGNOSED = True
    AVERAGE = 'videos'
    RULES: ClassVar[Mapping[str, Rule]] = {
        'no_gt': Rule('skip', 'skip'),
        'empty_gt': Rule('zero', 'skip'),
        'no_prediction': Rule('zero', 'empty'),
        'no_persons': Rule('zero', 'empty'),
        'unknown_video': Rule('ignore'),
        'unknown_frame': Rule('ignore'),
        # The frames are those of the truth, whatever the meta data says.
        'frame_count': Rule('keep', 'keep'),
        'wrong_size': Rule('zero', 'zero'),
        'unreadable_prediction': Rule('zero'),
        'unreadable_gt': Rule('zero'),
        'void_person': Rule('ignore', None),
        'too_many_persons': Rule('empty', None),
        'official_zero': Rule('zero', None),
        'official_stop': Rule('keep', None),
    }

    def __init__(
        self, gt: str | Path, pred: str | Path, *, protocol: Protocol, with_jf: bool = True
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        self.with_jf = with_jf
        self._masks = self.gt / _MASKS if (self.gt / _MASKS).is_dir() else self.gt
        if not self.pred.is_dir():
            raise FileNotFoundError(f'{self.pred} is not a folder; expected a folder per video')
        self.videos = _read_meta(self.gt) or _list_videos(self._masks)
        known = {video.name for video in self.videos}
        for folder in sorted(path for path in self.pred.iterdir() if path.is_dir()):
            if folder.name not in known:
                self.log.note('unknown_video', folder, 'the truth has no such video')

    def score(self, index: int) -> VideoScore[AVTrackCounts]:
        """Read, check and score one video."""
        name = self.videos[index].name
        log = self.new_log(name)
        gt, pred = self._masks / name, self.pred / name
        if not any(gt.glob('*.png')):
            if not gt.is_dir():
                log.note('no_gt', gt, 'no such folder')
            elif log.note('empty_gt', gt, 'no PNG file') == 'zero':
                return VideoScore(self._failed(name, 'no image of the truth'), log.problems)
            return VideoScore(None, log.problems)
        if not pred.is_dir():
            effect = log.note('no_prediction', pred, 'no such folder')
            if effect == 'zero':
                return VideoScore(self._failed(name, 'no prediction'), log.problems)
        reader = _Reader(gt, pred, log, keep=self.with_jf)
        length = self.videos[index].attributes.get('length', len(reader.files))
        if length != len(reader.files):
            message = f'{len(reader.files)} images, the meta data has {length} frames'
            log.note('frame_count', gt, message)
        try:
            video = VideoOverlap.from_label_maps(reader.frames(), size=reader.size)
        except _UnreadableError as error:
            piece = None if log.stopped else self._failed(name, str(error))
            return VideoScore(piece, log.problems)
        piece = self._score(video, name, reader, log)
        sources = {'sources': len(video.gt)}
        diagnosis = (
            count_diagnosis(video, name=name, classes=self.classes) if self.diagnose else None
        )
        return VideoScore(None if log.stopped else piece, log.problems, sources, diagnosis)

    def combine(self, pieces: Sequence[AVTrackCounts]) -> Summary:
        """Means over videos; without J&F where the official scorer stops because of it."""
        try:
            return dict(average_videos(pieces))
        except OfficialEvaluatorError:
            return {
                key: float(np.mean([piece.summary[key] for piece in pieces])) for key in SUMMARY
            }

    def resample(
        self, pieces: Sequence[AVTrackCounts], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of many draws of videos: means over them."""
        summary = self.combine(pieces)
        values = {key: np.array([p.summary.get(key, np.nan) for p in pieces]) for key in summary}
        return {key: mean_of_known(column[draws], axis=1) for key, column in values.items()}

    def describe(self, piece: AVTrackCounts) -> Summary:
        """The scores of one video, and how many masks and tracks there are."""
        counts = {key: int(value) for key, value in piece.details.get('Count', {}).items()}
        return {**piece.summary, **counts, 'failure': piece.failure}

    def details_of(self, piece: AVTrackCounts) -> Mapping[str, Any]:
        """All fields of HOTA, CLEAR, Identity, J&F and Count, in 0..1; none of a failed video."""
        return piece.details

    def review(self, pieces: Sequence[AVTrackCounts]) -> Sequence[Problem]:
        """Say where the official scorer stops."""
        log = self.new_log()
        try:
            average_videos(pieces)
        except OfficialEvaluatorError as error:
            log.note('official_stop', self.pred, f'{error}; the summary has no J&F')
        return log.problems

    def _failed(self, name: str, failure: str) -> AVTrackCounts:
        return failed_video(name, failure, protocol=self.protocol, region_boundary=self.with_jf)

    def _score(
        self, video: VideoOverlap, name: str, reader: '_Reader', log: ProblemLog
    ) -> AVTrackCounts:
        """Score a video that was read, and note what the official scorer makes of it."""
        folders = len(reader.persons)
        if VOID in video.gt.ids:
            log.note('void_person', reader.gt, f'gray level {VOID} is taken for "do not count"')
        if folders > VOID:
            log.note(
                'too_many_persons', reader.pred, f'{folders} persons, the colors end at {VOID}'
            )
        piece = score_video(
            video,
            name=name,
            protocol=self.protocol,
            masks=reader.masks(video) if self.with_jf else None,
            num_folders=folders,
        )
        if piece.failure is not None:
            log.note('official_zero', reader.pred, piece.failure)
        return piece


class _UnreadableError(Exception):
    """A video has a file that cannot be used; the log says which ones."""


class _Reader:
    """Reads the frames of one video.

    Args:
        gt: Folder of the true images.
        pred: Folder of the persons.
        log: Where problems go.
        keep: Keep the runs of what was read for :meth:`masks`.
    """

    def __init__(self, gt: Path, pred: Path, log: ProblemLog, *, keep: bool) -> None:
        self.gt, self.pred, self.log, self.keep = gt, pred, log, keep
        self.files = sorted(path.name for path in gt.glob('*.png'))
        folders = [path for path in pred.iterdir() if path.is_dir()] if pred.is_dir() else []
        # Every folder is a person, and they are painted in the order of their names as strings.
        self.persons = sorted(folder.name for folder in folders)
        if not self.persons and pred.is_dir():
            log.note('no_persons', pred, 'no person folder')
        self.known = {f'frame_{frame_number(name) or 0:04d}.png' for name in self.files}
        self.names = {person: self._names(person) for person in self.persons}
        self.failure = ''
        self.size = self._first_size()
        kind = np.uint8 if len(self.persons) <= VOID else np.uint16
        self._painted: LabelMap = np.zeros(self.size, kind)
        self._runs: list[tuple[Runs, Runs]] = []

    def frames(self) -> Iterator[tuple[LabelMap, LabelMap]]:
        """True and painted image of each frame; all are read before an error is raised.

        The painted one is valid until the next frame.
        """
        for name in self.files:
            gt = self._read_gt(name)
            painted = self._paint(f'frame_{frame_number(name) or 0:04d}.png')
            if gt is None or self.failure:
                continue
            if self.keep:
                self._runs.append((Runs.of(gt), Runs.of(painted)))
            yield gt, painted
        if self.failure:
            raise _UnreadableError(self.failure)

    def masks(self, video: VideoOverlap) -> MaskReaders:
        """The masks of the tracks of a video, whose ids are the labels of the images."""
        true, pred = video.gt.ids.tolist(), video.pred.ids.tolist()
        return MaskReaders(
            true=lambda track, frame: self._mask(frame, 0, true[track]),
            pred=lambda track, frame: self._mask(frame, 1, pred[track]),
        )

    def _mask(self, frame: int, side: int, label: int) -> NDArray[np.bool_]:
        mask = np.zeros(self.size, bool)
        self._runs[frame][side].only(label).fill(mask, True)
        return mask

    def _names(self, person: str) -> set[str]:
        """The files of a person that belong to frames of the truth."""
        names = {path.name for path in (self.pred / person).glob('*.png')}
        for name in sorted(names - self.known):
            message = 'no frame of the truth has this number, or it has not four digits'
            self.log.note('unknown_frame', self.pred / person / name, message)
        return names & self.known

    def _first_size(self) -> tuple[int, int]:
        for name in self.files:
            try:
                height, width = read_png(self.gt / name).shape[:2]
            except ValueError:  # noted when its turn comes
                continue
            return height, width
        return 0, 0

    def _read_gt(self, name: str) -> LabelMap | None:
        image, _ = read_or_note(read_png, self.gt / name, self.log, 'unreadable_gt')
        if image is None:
            self.failure = self.failure or f'{name} of the truth cannot be read'
        elif image.shape != self.size:
            problem = f'{image.shape} (H, W), expected one gray level per pixel and {self.size}'
            self.log.note('wrong_size', self.gt / name, problem)
            self.failure = self.failure or f'{name} of the truth has shape {image.shape}'
        return image

    def _paint(self, name: str) -> LabelMap:
        """Paint the persons of a frame, later ones over earlier ones: 1 is the first.

        One image serves all frames: new ones would cost more time than what is painted.
        """
        self._painted[:] = 0
        for place, person in enumerate(self.persons, start=1):
            if name not in self.names[person]:
                continue
            path = self.pred / person / name
            try:
                runs = read_png_runs(path)
            except ValueError as error:
                self.log.note('unreadable_prediction', path, str(error).removeprefix(f'{path} '))
                self.failure = self.failure or f'{person}/{name} cannot be read'
                continue
            if runs.size != self.size:
                problem = f'{runs.size} (H, W), the truth is {self.size}'
                self.log.note('wrong_size', path, problem)
                self.failure = self.failure or f'{person}/{name} has shape {runs.size}'
            else:
                runs.fill(self._painted, place)
        return self._painted


def _read_meta(root: Path) -> list[Video]:
    """The videos of the meta data in their order; none without such a file."""
    path = next((root / name for name in _META if (root / name).is_file()), None)
    if path is None:
        return []
    videos: list[tuple[Any, str, dict[str, Any]]] = []
    sources: dict[Any, int] = {}
    with JsonStream(path) as stream:
        for element in stream.elements():
            entry = element.value
            if element.key == 'annotations':
                sources[entry['video_id']] = sources.get(entry['video_id'], 0) + 1
            elif element.key == 'videos':
                name = video_name(entry)
                attributes = {**video_attributes(entry), 'length': len(entry['file_names'])}
                genre = _GENRE.match(name)
                if genre and 'genre' not in attributes:
                    attributes['genre'] = genre[1]
                videos.append((entry.get('id'), name, attributes))
    return [
        Video(name, {**attributes, 'sources': sources.get(number, 0)})
        for number, name, attributes in videos
    ]


def _list_videos(masks: Path) -> list[Video]:
    """The folders of the truth, where there is no meta data."""
    folders = sorted(path for path in masks.iterdir() if path.is_dir()) if masks.is_dir() else []
    if not folders:
        raise FileNotFoundError(
            f'{masks} is no truth of AVTrack: expected avtrack_meta.json and {_MASKS}/<video>/'
            f'frame_00000.png'
        )
    return [Video(folder.name) for folder in folders]
