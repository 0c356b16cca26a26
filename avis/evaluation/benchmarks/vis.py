"""AVISeg, YouTube-VIS and OVIS: a truth and a results file in the dialect of YouTube-VIS.

See :mod:`avis.evaluation.benchmarks.vis_files` for the files.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.base import Benchmark, PartialScore, Summary, Video, VideoScore
from avis.evaluation.benchmarks.problems import Problem, Rule
from avis.evaluation.benchmarks.vis_files import RULES, VisGroundTruth, VisResults, VisVideo
from avis.evaluation.functional import aviseg, youtube_vis
from avis.evaluation.functional.counts import Protocol
from avis.evaluation.functional.diagnosis import VideoDiagnosis, count_diagnosis
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.evaluation.functional.resampling import resample_aviseg, resample_youtube_vis


class VisBenchmark(Benchmark[PartialScore]):
    """What AVISeg and YouTube-VIS share: the files.

    Args:
        gt: The truth, ``test.json`` or ``test.json.gz``.
        pred: The results, ``results.json`` or ``results.json.gz``.
        protocol: ``'official'`` or ``'corrected'``.
    """

    DIAGNOSED = True

    def __init__(self, gt: str | Path, pred: str | Path, *, protocol: Protocol) -> None:
        super().__init__(gt, pred, protocol=protocol)
        self._gt = VisGroundTruth(gt, self.log)
        self._results = VisResults(pred, self._gt, self.log)
        self._entries = self._choose()
        self.classes = list(self._gt.categories)
        self.videos = [
            Video(entry.name, {**entry.attributes, 'sources': len(entry.places)})
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
        return VideoScore(self.count(video, entry), log.problems, diagnosis=diagnosis)

    @abstractmethod
    def count(self, video: VideoOverlap, entry: VisVideo) -> PartialScore:
        """The piece of one video."""

    def close(self) -> None:
        """Delete the unpacked copies of compressed files."""
        self._gt.stream.close()
        self._results.stream.close()

    def _diagnose(self, video: VideoOverlap, gt: TrackMasks, entry: VisVideo) -> VideoDiagnosis:
        true = VideoOverlap.from_rles(gt, gt, size=video.size, num_frames=entry.length)
        return count_diagnosis(
            video, name=entry.name, classes=self.classes, true_overlap=true.intersections
        )

    def _choose(self) -> list[VisVideo]:
        """The videos that are scored; names are made unique where several share one."""
        by_name: dict[str, list[VisVideo]] = {}
        for entry in self._gt.videos.values():
            by_name.setdefault(entry.name, []).append(entry)
        chosen = []
        for name, entries in by_name.items():
            for entry in entries[:-1]:
                message = f'{name!r} is also the name of video {entries[-1].id!r}'
                where = f'videos with id {entry.id!r}'
                effect = self.log.note('duplicate_name', self._gt.path, message, field=where)
                if effect != 'ignore':
                    entry.name = f'{name} ({entry.id})'
                    chosen.append(entry)
            chosen.append(entries[-1])
        return chosen


class AVISeg(VisBenchmark[aviseg.AVISegCounts]):
    """TrackMAP, HOTA and FSLA of AVISeg, in percent."""

    NAME = 'aviseg'
    HEADLINE = ('AP_all', 'HOTA', 'DetA', 'AssA', 'FA')
    RULES: ClassVar[Mapping[str, Rule]] = {
        **RULES,
        # Ignored by TrackMAP and HOTA, but not by FSLA.
        'unknown_category': Rule('keep'),
        # The official evaluator knows videos by name only, and takes the last one.
        'duplicate_name': Rule('ignore', 'keep'),
        'official_stop': Rule('keep', None),
    }

    def count(self, video: VideoOverlap, entry: VisVideo) -> aviseg.AVISegCounts:
        """The piece of one video."""
        return aviseg.count_video(
            video, name=entry.name, classes=self.classes, protocol=self.protocol
        )

    def combine(self, pieces: Sequence[aviseg.AVISegCounts]) -> Summary:
        """The summary of AVISeg; without FSLA if the official evaluator stops on a video."""
        return _summary(aviseg.score_videos(pieces, classes=self.classes))

    def resample(
        self, pieces: Sequence[aviseg.AVISegCounts], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of many draws of videos."""
        return resample_aviseg(pieces, draws, num_classes=len(self.classes))

    def describe(self, piece: aviseg.AVISegCounts) -> Summary:
        """The summary of one video: of the classes that it has a mask of, others do not count."""
        seen = {
            label: part
            for label, part in piece.classes.items()
            if part.counts['Count'].true_masks or part.counts['Count'].masks
        }
        return _summary(aviseg.score_videos([replace(piece, classes=seen)], classes=seen))

    def details(self, pieces: Sequence[aviseg.AVISegCounts]) -> Mapping[str, Any]:
        """All scores per class and threshold, in 0..1."""
        scores = aviseg.score_videos(pieces, classes=self.classes)
        names = self._gt.categories
        return {
            'class_averaged': scores.class_averaged,
            'det_averaged': scores.det_averaged,
            'fsla': None if scores.error else scores.fsla,
            'per_class': {names[label]: values for label, values in scores.per_class.items()},
        }

    def details_of(self, piece: aviseg.AVISegCounts) -> Mapping[str, Any]:
        """The scores of each class at each threshold, and FSLA, in 0..1."""
        names = self._gt.categories
        return {
            'classes': {names[label]: values for label, values in piece.scores().items()},
            'fsla': None if piece.fsla is None else piece.fsla.scores(),
        }

    def review(self, pieces: Sequence[aviseg.AVISegCounts]) -> Sequence[Problem]:
        """Say where the official evaluator stops, and why."""
        log = self.new_log()
        for piece in pieces:
            if piece.error is not None:
                log.video = piece.name
                message = f'{piece.error}; the summary has no FSLA'
                log.note('official_stop', self._results.path, message)
        return log.problems


class YouTubeVIS(VisBenchmark[youtube_vis.YouTubeVISCounts]):
    """AP and AR of YouTube-VIS and OVIS, in percent."""

    NAME = 'youtube_vis'
    HEADLINE = ('AP', 'AP50', 'AP75', 'AR1', 'AR10')
    RULES: ClassVar[Mapping[str, Rule]] = {**RULES, 'duplicate_name': Rule(None, None)}

    def count(self, video: VideoOverlap, entry: VisVideo) -> youtube_vis.YouTubeVISCounts:
        """The piece of one video."""
        number = entry.id if isinstance(entry.id, int) else [*self._gt.videos].index(entry.id)
        return youtube_vis.count_video(
            video, video_id=number, classes=self.classes, protocol=self.protocol
        )

    def combine(self, pieces: Sequence[youtube_vis.YouTubeVISCounts]) -> Summary:
        """The summary of YouTube-VIS."""
        return dict(youtube_vis.score_videos(pieces))

    def resample(
        self, pieces: Sequence[youtube_vis.YouTubeVISCounts], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of many draws of videos."""
        return resample_youtube_vis(pieces, draws)


def _summary(scores: aviseg.AVISegScores) -> Summary:
    return scores.summary_of_tracks() if scores.error else scores.summary()
