"""AVISeg, YouTube-VIS and OVIS: ground truth and results in the format of YouTube-VIS.

See :mod:`avis.evaluation.benchmarks.vis_files` for the files.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.base import (
    Benchmark,
    BenchmarkVideo,
    PartialScore,
    Summary,
    VideoScore,
)
from avis.evaluation.benchmarks.paths import check_file
from avis.evaluation.benchmarks.problems import EvaluationStopped, Problem, Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.benchmarks.vis_files import RULES, VisGroundTruth, VisResults, VisVideo
from avis.evaluation.functional import aviseg, youtube_vis
from avis.evaluation.functional.counts import EvalProtocol
from avis.evaluation.functional.diagnosis import VideoDiagnosis, count_diagnosis
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.evaluation.functional.resampling import resample_aviseg, resample_youtube_vis


class VisBenchmark(Benchmark[PartialScore]):
    """Base of AVISeg and YouTube-VIS, which share the file format.

    Args:
        gt: The ground truth, ``test.json`` or ``test.json.gz``.
        pred: The results, ``results.json`` or ``results.json.gz``.
        protocol: ``'official'`` or ``'corrected'``.
    """

    DIAGNOSED = True
    UNIT = 'percent'
    # Whether the official evaluator looks gt tracks up by their id alone.
    BY_ID: ClassVar[bool] = False

    def __init__(self, gt: str | Path, pred: str | Path, *, protocol: EvalProtocol) -> None:
        super().__init__(gt, pred, protocol=protocol)
        files = [path for path in _json_files(self.gt) if path.stem.split('.')[0] != 'results']
        check_file(self.gt, 'the ground truth, a JSON file such as test.json', files)
        expected = 'the results, a JSON file such as results.json'
        check_file(self.pred, expected, _json_files(self.pred))
        self._gt = VisGroundTruth(gt, self.log, by_id=self.BY_ID and protocol == 'official')
        if not self._gt.videos:
            raise EvaluationStopped(self.NAME, protocol, self.log.problems)
        # Then official scores other tracks than corrected.
        self._repeated = any(problem.kind == 'repeated_id' for problem in self.log.problems)
        self._results = VisResults(pred, self._gt, self.log)
        self._entries = self._choose()
        self.classes = list(self._gt.categories)
        self.class_names = self._gt.categories
        self.videos = [
            BenchmarkVideo(entry.name, {**entry.attributes, 'sources': len(entry.offsets)})
            for entry in self._entries
        ]

    def score(self, index: int) -> VideoScore[PartialScore]:
        """Read, check and score one video."""
        entry = self._entries[index]
        log = self.new_log(entry.name)
        gt, pred = self._gt.tracks(entry, log), self._results.tracks(entry, log)
        if log.stopped:
            return VideoScore(None, log.problems)
        size = entry.height, entry.width
        video = VideoOverlap.from_rles(gt, pred, size=size, num_frames=entry.length)
        diagnosis = self._diagnose(video, gt, entry) if self.diagnose else None
        partial, corrected = self.count(video, entry, self.protocol), None
        if self.protocol == 'official' and not self._repeated:
            corrected = self.count(video, entry, 'corrected')
        return VideoScore(partial, log.problems, diagnosis=diagnosis, corrected=corrected)

    def unpredicted(self) -> Sequence[str]:
        """Names of the videos without an entry in the results."""
        return [entry.name for entry in self._entries if entry.id not in self._results.offsets]

    @abstractmethod
    def count(self, video: VideoOverlap, entry: VisVideo, protocol: EvalProtocol) -> PartialScore:
        """The partial score of one video."""

    def close(self) -> None:
        """Delete the unpacked copies of compressed files."""
        self._gt.stream.close()
        self._results.stream.close()

    def _diagnose(self, video: VideoOverlap, gt: TrackMasks, entry: VisVideo) -> VideoDiagnosis:
        with_itself = VideoOverlap.from_rles(gt, gt, size=video.size, num_frames=entry.length)
        return count_diagnosis(
            video, name=entry.name, classes=self.classes, gt_overlap=with_itself.intersections
        )

    def _choose(self) -> list[VisVideo]:
        """The videos to score; a name that several share is made unique by the id."""
        by_name: dict[str, list[VisVideo]] = {}
        for entry in self._gt.videos.values():
            by_name.setdefault(entry.name, []).append(entry)
        chosen = []
        for name, entries in by_name.items():
            for entry in entries[:-1]:
                message = f'{name!r} is also the name of video {entries[-1].id!r}'
                where = f'videos with id {entry.id!r}'
                effect = self.log.add('duplicate_name', self._gt.path, message, field=where)
                if effect != 'ignore':
                    entry.name = f'{name} ({entry.id})'
                    chosen.append(entry)
            chosen.append(entries[-1])
        return chosen


@BENCHMARKS.register_module(name='aviseg')
class AVISegBenchmark(VisBenchmark[aviseg.AVISegCounts]):
    """TrackMAP, HOTA and FSLA of AVISeg, in percent."""

    HEADLINE = ('AP_all', 'HOTA', 'DetA', 'AssA', 'FA')
    RULES: ClassVar[Mapping[str, Rule]] = {
        **RULES,
        # Ignored by TrackMAP and HOTA, but not by FSLA.
        'unknown_category': Rule('keep'),
        # The official evaluator identifies videos by name and keeps the last one.
        'duplicate_name': Rule('ignore', 'keep'),
        'official_stop': Rule('keep', None),
    }

    def count(
        self, video: VideoOverlap, entry: VisVideo, protocol: EvalProtocol
    ) -> aviseg.AVISegCounts:
        """The partial score of one video."""
        return aviseg.count_aviseg(video, name=entry.name, classes=self.classes, protocol=protocol)

    def explain_gap(
        self,
        official: Sequence[aviseg.AVISegCounts],
        corrected: Sequence[aviseg.AVISegCounts],
        scores: Collection[str],
    ) -> Sequence[str]:
        """Classes without a mask, blank masks, and frames that FSLA judges differently."""
        absent = len(self.classes) - len({label for p in official for label in p.classes})
        causes = []
        if absent and not {'HOTA', 'DetA', 'AssA'}.isdisjoint(scores):
            causes.append(
                f'official averages HOTA over all {len(self.classes)} classes of the ground truth '
                f'and counts the {absent} without any mask as 0'
            )
        blank = _num_masks(official) - _num_masks(corrected)
        if blank:
            causes.append(f'official counts {blank} blank masks, which are not null, as detections')
        if any(name.startswith('FA') for name in scores):
            causes.append(
                'official FSLA confuses track indices and compares the classes of a frame as sets'
            )
        return causes

    def combine(self, partials: Sequence[aviseg.AVISegCounts]) -> Summary:
        """The summary of AVISeg; without FSLA if the official evaluator stops on a video."""
        return _summary(aviseg.score_aviseg(partials, classes=self.classes))

    def resample(
        self, partials: Sequence[aviseg.AVISegCounts], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of many draws of videos."""
        return resample_aviseg(partials, draws, num_classes=len(self.classes))

    def summarize_video(self, partial: aviseg.AVISegCounts) -> Summary:
        """The summary of one video over the classes of which it has a mask."""
        seen = {
            label: part
            for label, part in partial.classes.items()
            if part.counts['Count'].gt_dets or part.counts['Count'].pred_dets
        }
        return _summary(aviseg.score_aviseg([replace(partial, classes=seen)], classes=seen))

    def details(self, partials: Sequence[aviseg.AVISegCounts]) -> Mapping[str, Any]:
        """All scores per class and threshold, in 0..1."""
        scores = aviseg.score_aviseg(partials, classes=self.classes)
        names = self._gt.categories
        return {
            'class_averaged': scores.class_averaged,
            'det_averaged': scores.det_averaged,
            'fsla': None if scores.error else scores.fsla,
            'per_class': {names[label]: values for label, values in scores.per_class.items()},
        }

    def video_details(self, partial: aviseg.AVISegCounts) -> Mapping[str, Any]:
        """The scores of each class at each threshold, and FSLA, in 0..1."""
        names = self._gt.categories
        return {
            'classes': {names[label]: values for label, values in partial.scores().items()},
            'fsla': None if partial.fsla is None else partial.fsla.scores(),
        }

    def review(self, partials: Sequence[aviseg.AVISegCounts]) -> Sequence[Problem]:
        """Report the videos on which the official evaluator stops, and why."""
        log = self.new_log()
        for partial in partials:
            if partial.error is not None:
                log.video = partial.name
                message = f'{partial.error}; the summary has no FSLA'
                log.add('official_stop', self._results.path, message)
        return log.problems


@BENCHMARKS.register_module(name='youtube_vis')
class YouTubeVISBenchmark(VisBenchmark[youtube_vis.YouTubeVISCounts]):
    """AP and AR of YouTube-VIS and OVIS, in percent."""

    HEADLINE = ('AP', 'AP50', 'AP75', 'AR1', 'AR10')
    BY_ID = True
    RULES: ClassVar[Mapping[str, Rule]] = {
        **RULES,
        'duplicate_name': Rule(None, None),
        'repeated_id': Rule('keep', None),
        'id_zero': Rule('keep', None),
    }

    def count(
        self, video: VideoOverlap, entry: VisVideo, protocol: EvalProtocol
    ) -> youtube_vis.YouTubeVISCounts:
        """The partial score of one video."""
        index = entry.id if isinstance(entry.id, int) else [*self._gt.videos].index(entry.id)
        return youtube_vis.count_youtube_vis(
            video,
            video_id=index,
            classes=self.classes,
            protocol=protocol,
            gt_ids=entry.track_ids.tolist(),
        )

    def explain_gap(
        self,
        official: Sequence[youtube_vis.YouTubeVISCounts],
        corrected: Sequence[youtube_vis.YouTubeVISCounts],
        scores: Collection[str],
    ) -> Sequence[str]:
        """Tracks with id 0, and blank masks; the only differences if no id is repeated."""
        causes = []
        if any(problem.kind == 'id_zero' for problem in self.log.problems):
            causes.append('official counts a prediction matched with the track of id 0 as wrong')
        return [*causes, 'official counts tracks whose masks are all blank, which are not null']

    def combine(self, partials: Sequence[youtube_vis.YouTubeVISCounts]) -> Summary:
        """The summary of YouTube-VIS."""
        return dict(youtube_vis.score_youtube_vis(partials))

    def resample(
        self, partials: Sequence[youtube_vis.YouTubeVISCounts], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of many draws of videos."""
        return resample_youtube_vis(partials, draws)


def _summary(scores: aviseg.AVISegScores) -> Summary:
    return scores.summary_of_tracks() if scores.error else scores.summary()


def _num_masks(partials: Sequence[aviseg.AVISegCounts]) -> int:
    """Gt and predicted masks of all classes."""
    counts = [part.counts['Count'] for partial in partials for part in partial.classes.values()]
    return sum(count.gt_dets + count.pred_dets for count in counts)


def _json_files(folder: Path) -> list[Path]:
    """JSON files in a folder or its folder ``annotations``; test and validation files first."""
    folders = (folder, folder / 'annotations') if folder.is_dir() else ()
    files = [path for place in folders if place.is_dir() for path in place.iterdir()]
    found = [path for path in files if path.name.endswith(('.json', '.json.gz'))]
    return sorted(found, key=lambda path: (not path.name.startswith(('test', 'val')), path))
