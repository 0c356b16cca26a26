"""AVTrack: folders of person masks against one gray image per frame.

Ground truth: ``avtrack_meta.json`` with ``videos`` (the first folder of ``file_names`` is the name
of the video), and ``Instance_Masks_merged/<video>/frame_%05d.png``, whose gray levels are the
persons. Prediction: ``<video>/<person>/frame_%04d.png``, non-zero inside the person; no file where
the person is absent. The number in a file name is the frame number.

Frames are read, merged and counted one by one; for J&F their pixel runs are kept.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.avtrack_files import find_annotated_videos
from avis.evaluation.benchmarks.base import Benchmark, Summary, VideoScore
from avis.evaluation.benchmarks.paths import check_folder
from avis.evaluation.benchmarks.png_folders import (
    frame_number,
    list_folders,
    list_pngs,
    read_or_log,
)
from avis.evaluation.benchmarks.problems import Problem, ProblemLog, Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.avtrack import (
    SUMMARY,
    VOID_LEVEL,
    AVTrackCounts,
    MaskReaders,
    average_avtrack,
    failed_video,
    score_avtrack,
)
from avis.evaluation.functional.counts import EvalProtocol, OfficialEvaluatorError, mean_of_known
from avis.evaluation.functional.diagnosis import count_diagnosis
from avis.evaluation.functional.hota import ALPHAS
from avis.evaluation.functional.overlap import VideoOverlap
from avis.utils.png import Runs, read_png, read_png_runs

LabelMap = NDArray[Any]


@BENCHMARKS.register_module(name='avtrack')
class AVTrackBenchmark(Benchmark[AVTrackCounts]):
    """HOTA, DetA, AssA, IDF1, MOTA and J&F of AVTrack, in percent.

    Args:
        gt: The data set, or its folder ``Instance_Masks_merged`` alone.
        pred: Folder with a folder for each video.
        protocol: ``'official'`` or ``'corrected'``.
        with_jf: Score J&F too. ``official`` has no mean of it if a video but the first fails, see
            :mod:`avis.evaluation.functional.avtrack`.
    """

    HEADLINE = ('HOTA', 'DetA', 'AssA', 'IDF1', 'MOTA')
    UNIT = 'percent'
    DIAGNOSED = True
    AVERAGE = 'videos'
    RULES: ClassVar[Mapping[str, Rule]] = {
        'missing_gt': Rule('skip', 'skip'),
        'empty_gt': Rule('zero', 'skip'),
        'missing_prediction': Rule('zero', 'empty'),
        'missing_persons': Rule('zero', 'empty'),
        'unknown_video': Rule('ignore'),
        'unknown_frame': Rule('ignore'),
        # The frames are those of the ground-truth folder, not those of the JSON file.
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
        self, gt: str | Path, pred: str | Path, *, protocol: EvalProtocol, with_jf: bool = True
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        self.with_jf = with_jf
        self._masks, self.videos = find_annotated_videos(self.gt)
        check_folder(self.pred, 'the predictions, <video>/<person>/frame_0000.png')
        known = {video.name for video in self.videos}
        for folder in list_folders(self.pred):
            if folder.name not in known:
                self.log.add('unknown_video', folder, 'the ground truth has no such video')

    def score(self, index: int) -> VideoScore[AVTrackCounts]:
        """Read, check and score one video."""
        name = self.videos[index].name
        log = self.new_log(name)
        gt, pred = self._masks / name, self.pred / name
        if not list_pngs(gt):
            if not gt.is_dir():
                log.add('missing_gt', gt, 'no such folder')
            elif log.add('empty_gt', gt, 'no PNG file') == 'zero':
                failed = failed_video(name, 'no ground-truth image', protocol='official')
                return VideoScore(failed, log.problems)
            return VideoScore(None, log.problems)
        if not pred.is_dir():
            effect = log.add('missing_prediction', pred, 'no such folder')
            if effect == 'zero':
                return self._zero(name, 'no prediction', log)
        reader = _Reader(gt, pred, log, keep=self.with_jf)
        length = self.videos[index].attributes.get('length', len(reader.files))
        if length != len(reader.files):
            message = f'{len(reader.files)} images, the JSON file has {length} frames'
            log.add('frame_count', gt, message)
        try:
            video = VideoOverlap.from_label_maps(reader.frames(), size=reader.size)
        except _UnreadableError as error:
            return self._zero(name, str(error), log)
        partial = self._score(video, name, reader, log)
        sources = {'sources': len(video.gt)}
        diagnosis = (
            count_diagnosis(video, name=name, classes=self.classes) if self.diagnose else None
        )
        if log.stopped:
            return VideoScore(None, log.problems, sources, diagnosis)
        corrected = None
        if self.protocol == 'official':  # without J&F, which costs more than all others
            corrected = score_avtrack(video, name=name, protocol='corrected')
        return VideoScore(partial, log.problems, sources, diagnosis, corrected)

    def unpredicted(self) -> Sequence[str]:
        """Names of the videos without a predicted folder."""
        return [video.name for video in self.videos if not (self.pred / video.name).is_dir()]

    def explain_gap(
        self,
        official: Sequence[AVTrackCounts],
        corrected: Sequence[AVTrackCounts],
        scores: Collection[str],
    ) -> Sequence[str]:
        """Videos that count as 0, and videos of negative MOTA."""
        scored = {partial.name: partial for partial in corrected}
        # Videos that both count as 0 explain no difference.
        failed = [
            p for p in official if p.failure and not getattr(scored.get(p.name), 'failure', '')
        ]
        causes = []
        if failed:
            causes.append(
                f'official counts {len(failed)} of {len(official)} videos as 0, such as '
                f'{failed[0].name}: {failed[0].failure}'
            )
        negative = sum(partial.summary['MOTA'] < 0 for partial in corrected)
        if negative and 'MOTA' in scores:
            causes.append(f'official raises the negative MOTA of {negative} videos to 0')
        return causes

    def combine(self, partials: Sequence[AVTrackCounts]) -> Summary:
        """Means over videos; without J&F if the official scorer stops on it."""
        try:
            return dict(average_avtrack(partials))
        except OfficialEvaluatorError:
            columns = {key: [partial.summary[key] for partial in partials] for key in SUMMARY}
            return {key: float(np.mean(values)) for key, values in columns.items()}

    def resample(
        self, partials: Sequence[AVTrackCounts], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of many draws of videos, each a mean over the draw."""
        summary = self.combine(partials)
        values = {key: np.array([p.summary.get(key, np.nan) for p in partials]) for key in summary}
        return {key: mean_of_known(column[draws], axis=1) for key, column in values.items()}

    def summarize_video(self, partial: AVTrackCounts) -> Summary:
        """The scores of one video, and its numbers of masks and tracks."""
        counts = {key: int(value) for key, value in partial.details.get('Count', {}).items()}
        return {**partial.summary, **counts, 'failure': partial.failure}

    def video_details(self, partial: AVTrackCounts) -> Mapping[str, Any]:
        """All fields of HOTA, CLEAR, Identity, J&F and Count, in 0..1; none of a failed video."""
        return partial.details

    def details(self, partials: Sequence[AVTrackCounts]) -> Mapping[str, Any]:
        """HOTA, DetA and AssA at every threshold, in 0..1: means over videos, failed ones are 0."""
        scored = [partial.details['HOTA'] for partial in partials if partial.failure is None]
        curves = {}
        for key in ('HOTA', 'DetA', 'AssA'):
            total = np.sum([np.zeros(len(ALPHAS)), *(scores[key] for scores in scored)], axis=0)
            curves[key] = total / len(partials)
        return {'HOTA': curves}

    def review(self, partials: Sequence[AVTrackCounts]) -> Sequence[Problem]:
        """Report that the official scorer stops, and on which video."""
        log = self.new_log()
        try:
            average_avtrack(partials)
        except OfficialEvaluatorError as error:
            log.add('official_stop', self.pred, f'{error}; the summary has no J&F')
        return log.problems

    def _zero(self, name: str, failure: str, log: ProblemLog) -> VideoScore[AVTrackCounts]:
        """A video that counts as zeros, unless its problems stop the evaluation."""
        if log.stopped:
            return VideoScore(None, log.problems)
        partial = failed_video(name, failure, protocol=self.protocol, region_boundary=self.with_jf)
        corrected = failed_video(name, failure, protocol='corrected')
        return VideoScore(partial, log.problems, corrected=corrected)

    def _score(
        self, video: VideoOverlap, name: str, reader: '_Reader', log: ProblemLog
    ) -> AVTrackCounts:
        """Score a video that was read, and log where the official scorer deviates."""
        folders = len(reader.persons)
        if VOID_LEVEL in video.gt.ids:
            log.add('void_person', reader.gt, f'gray level {VOID_LEVEL} marks pixels to ignore')
        if folders > VOID_LEVEL:
            message = f'{folders} persons, but only {VOID_LEVEL} gray levels'
            log.add('too_many_persons', reader.pred, message)
        partial = score_avtrack(
            video,
            name=name,
            protocol=self.protocol,
            masks=reader.masks(video) if self.with_jf else None,
            num_folders=folders,
        )
        if partial.failure is not None:
            log.add('official_zero', reader.pred, partial.failure)
        return partial


class _UnreadableError(Exception):
    """A file of a video cannot be used; the log names all such files."""


class _Reader:
    """Reads the frames of one video.

    Args:
        gt: Folder of the ground-truth images.
        pred: Folder of the person folders.
        log: Collects the problems.
        keep: Keep the pixel runs of all frames for :meth:`masks`.
    """

    def __init__(self, gt: Path, pred: Path, log: ProblemLog, *, keep: bool) -> None:
        self.gt, self.pred, self.log, self.keep = gt, pred, log, keep
        self.files = list_pngs(gt)
        # Every folder is a person; persons are merged in the order of their names as strings.
        self.persons = [folder.name for folder in list_folders(pred)]
        if not self.persons and pred.is_dir():
            log.add('missing_persons', pred, 'no person folder')
        self.known = {f'frame_{frame_number(name) or 0:04d}.png' for name in self.files}
        self.names = {person: self._names(person) for person in self.persons}
        self.failure = ''
        self.size = self._first_size()
        kind = np.uint8 if len(self.persons) <= VOID_LEVEL else np.uint16
        self._merged: LabelMap = np.zeros(self.size, kind)
        self._runs: list[tuple[Runs, Runs]] = []

    def frames(self) -> Iterator[tuple[LabelMap, LabelMap]]:
        """Ground-truth and merged predicted label map of each frame.

        All frames are read before an error is raised. The predicted one is valid until the next
        frame.
        """
        for name in self.files:
            gt = self._read_gt(name)
            merged = self._merge(f'frame_{frame_number(name) or 0:04d}.png')
            if gt is None or self.failure:
                continue
            if self.keep:
                self._runs.append((Runs.of(gt), Runs.of(merged)))
            yield gt, merged
        if self.failure:
            raise _UnreadableError(self.failure)

    def masks(self, video: VideoOverlap) -> MaskReaders:
        """The masks of the tracks of a video; the id of a track is its label in the images."""
        gt_ids, pred_ids = video.gt.ids.tolist(), video.pred.ids.tolist()
        return MaskReaders(
            gt=lambda track, frame: self._mask(frame, 0, gt_ids[track]),
            pred=lambda track, frame: self._mask(frame, 1, pred_ids[track]),
        )

    def _mask(self, frame: int, side: int, label: int) -> NDArray[np.bool_]:
        mask = np.zeros(self.size, bool)
        self._runs[frame][side].only(label).fill(mask, True)
        return mask

    def _names(self, person: str) -> set[str]:
        """The files of a person whose frame number the ground truth has."""
        names = set(list_pngs(self.pred / person))
        for name in sorted(names - self.known):
            message = 'the ground truth has no such frame, or the number has not four digits'
            self.log.add('unknown_frame', self.pred / person / name, message)
        return names & self.known

    def _first_size(self) -> tuple[int, int]:
        for name in self.files:
            try:
                height, width = read_png(self.gt / name).shape[:2]
            except ValueError:  # logged when the frame is read
                continue
            return height, width
        return 0, 0

    def _read_gt(self, name: str) -> LabelMap | None:
        image, _ = read_or_log(read_png, self.gt / name, self.log, 'unreadable_gt')
        if image is None:
            self.failure = self.failure or f'{name} of the ground truth cannot be read'
        elif image.shape != self.size:
            problem = f'{image.shape} (H, W), expected one gray level per pixel and {self.size}'
            self.log.add('wrong_size', self.gt / name, problem)
            self.failure = self.failure or f'{name} of the ground truth has shape {image.shape}'
        return image

    def _merge(self, name: str) -> LabelMap:
        """Merge the persons of a frame into a label map from 1 on; later ones overwrite earlier.

        One array is reused for all frames: allocating new ones would take longer than the merging.
        """
        self._merged[:] = 0
        for label, person in enumerate(self.persons, start=1):
            if name not in self.names[person]:
                continue
            path = self.pred / person / name
            try:
                runs = read_png_runs(path)
            except ValueError as error:
                self.log.add('unreadable_prediction', path, str(error).removeprefix(f'{path} '))
                self.failure = self.failure or f'{person}/{name} cannot be read'
                continue
            if runs.size != self.size:
                problem = f'{runs.size} (H, W), the ground truth has {self.size}'
                self.log.add('wrong_size', path, problem)
                self.failure = self.failure or f'{person}/{name} has shape {runs.size}'
            else:
                runs.fill(self._merged, label)
        return self._merged
