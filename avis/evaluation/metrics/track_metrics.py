"""AVISeg, YouTube-VIS and AVTrack: metrics of tracks, and files for submission.

Start reading at :class:`TrackMetric`. A data sample is a whole video. It is scored immediately,
and of its masks only RLEs are kept, if they are written to a file. Videos may be distributed over
ranks unevenly or repeated as padding; the scores are those of one process.
"""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from numpy.typing import NDArray

from avis.evaluation.functional import aviseg, avtrack, youtube_vis
from avis.evaluation.functional.counts import OfficialEvaluatorError
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.evaluation.metrics.protocol_metric import ProtocolMetric
from avis.evaluation.metrics.sample_tracks import SampleTracks, tracks_of
from avis.export.submission import to_results, write_persons, write_results_json
from avis.registry import METRICS
from avis.structures.masks import decode_rle, encode_mask
from avis.utils.file_names import path_inside


@dataclass(frozen=True)
class ScoredVideo:
    """The result of one video.

    Attributes:
        video_id: Id of the video.
        counts: Its counts; None without ground truth.
        entries: Its entries of the results file.
        index: Its index in the data set, if the sample contains it.
        failed: Its name, if an error left it without a prediction.
    """

    video_id: int | str
    counts: Any
    entries: list[dict[str, Any]] = field(default_factory=list)
    index: int = 0
    failed: str | None = None


class TrackMetric(ProtocolMetric):
    """Base class of the metrics of tracks.

    For the fields of a data sample see :func:`~avis.evaluation.metrics.sample_tracks.tracks_of`.

    Args:
        out: File or folder to write the predictions to, in the submission layout of the benchmark;
            None writes nothing. Samples without ground truth are written, but not scored.
        kwargs: Arguments of :class:`~avis.evaluation.metrics.protocol_metric.ProtocolMetric`.
    """

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Score each video immediately, so that no mask is kept after its batch."""
        for sample in data_samples:
            tracks = tracks_of(sample)
            counts = None if tracks.gt is None else self.count(tracks, tracks.gt)
            entries = [] if self.out is None else self.dump(tracks, sample)
            # One entry per sample: mmengine drops padding samples by counting them.
            index = sample.get('video_index', 0)
            failed = tracks.name if 'failure' in sample else None
            self.results.append(ScoredVideo(tracks.video_id, counts, entries, index, failed))

    def compute_metrics(self, results: list[ScoredVideo]) -> dict[str, float]:
        """Combine the videos, each once, and log the protocol."""
        # Loops over videos distribute them by length: restore the order of the data set.
        in_order = sorted(results, key=lambda video: video.index)
        videos = list({video.video_id: video for video in in_order}.values())
        self.finish(videos)
        known = [video.counts for video in videos if video.counts is not None]
        print_log(
            f'{self.default_prefix}, {self.protocol} protocol: '
            f'{len(known)} of {len(videos)} videos have ground truth',
            logger='current',
        )
        failed = [video.failed for video in videos if video.failed is not None]
        if failed:
            print_log(
                f'{len(failed)} of {len(videos)} videos failed and count as videos without a '
                f'prediction; their errors are logged above, the next run tries them again: '
                f'{", ".join(failed)}',
                logger='current',
                level=logging.WARNING,
            )
        return self.combine(known) if known else {}

    @abstractmethod
    def count(self, tracks: SampleTracks, gt: TrackMasks) -> Any:
        """The counts of one video for :meth:`combine`."""

    @abstractmethod
    def combine(self, videos: list[Any]) -> dict[str, float]:
        """The scores of all videos."""

    @abstractmethod
    def dump(self, tracks: SampleTracks, sample: dict[str, Any]) -> list[dict[str, Any]]:
        """Write the prediction of one video, or return its entries for :meth:`finish`."""

    def finish(self, videos: list[ScoredVideo]) -> None:
        """Write the file of all videos, if the layout has one."""


class ResultsMetric(TrackMetric):
    """A metric whose predictions are submitted as one ``results.json``, the path ``out``.

    Args:
        category_ids: Category id of each class index in the file; index + 1 if None.
        write_blanks: Write a blank mask where a predicted track is absent, as the official models
            do; False writes null. ``official`` scores the two differently.
        kwargs: Arguments of :class:`TrackMetric`.
    """

    def __init__(
        self,
        *,
        category_ids: Sequence[int] | None = None,
        write_blanks: bool = True,
        **kwargs: Any,
    ) -> None:
        self.category_ids = category_ids
        self.write_blanks = write_blanks
        super().__init__(**kwargs)

    @property
    def classes(self) -> range:
        """Indices of the classes of the data set."""
        if 'classes' not in (self.dataset_meta or {}):
            raise ValueError(
                f'{type(self).__name__}: expected classes in the metainfo of the data set, got '
                f'{self.dataset_meta}'
            )
        return range(len(self.dataset_meta['classes']))

    def overlap(self, tracks: SampleTracks, gt: TrackMasks) -> VideoOverlap:
        """The overlaps of the scored frames."""
        pred = tracks.scored(tracks.pred, write_blanks=self.write_blanks)
        return _overlap(tracks, tracks.scored(gt), pred)

    def dump(self, tracks: SampleTracks, sample: dict[str, Any]) -> list[dict[str, Any]]:
        """The entries of one video."""
        blank = encode_mask(np.zeros(tracks.size, bool)) if self.write_blanks else None
        return to_results(
            tracks.video_id,
            tracks.pred.rles,
            labels=tracks.pred.labels,
            scores=tracks.pred.scores,
            blank=blank,
            category_ids=self.category_ids,
        )

    def finish(self, videos: list[ScoredVideo]) -> None:
        """Write the file, on one rank."""
        if self.out is not None and is_main_process():
            write_results_json(self.out, [entry for video in videos for entry in video.entries])


@METRICS.register_module()
class AVISegMetric(ResultsMetric):
    """TrackMAP, HOTA and FSLA of AVISeg, in percent.

    Returns the summary of :func:`~avis.evaluation.functional.aviseg.score_aviseg` under ``aviseg/``
    or ``aviseg_corrected/``; without FSLA if the official evaluator stops on a video.
    """

    default_prefix = 'aviseg'

    def count(self, tracks: SampleTracks, gt: TrackMasks) -> aviseg.AVISegCounts:
        """The counts of one video."""
        video = self.overlap(tracks, gt)
        return aviseg.count_aviseg(
            video, name=tracks.name, classes=self.classes, protocol=self.protocol
        )

    def combine(self, videos: list[aviseg.AVISegCounts]) -> dict[str, float]:
        """The summary."""
        scores = aviseg.score_aviseg(videos, classes=self.classes)
        if scores.error is None:
            return scores.summary()
        print_log(f'No FSLA: {scores.error}', logger='current')
        return scores.summary_of_tracks()


@METRICS.register_module()
class YouTubeVISMetric(ResultsMetric):
    """AP and AR of YouTube-VIS and OVIS, in percent.

    Returns the summary of :func:`~avis.evaluation.functional.youtube_vis.score_youtube_vis` under
    ``youtube_vis/`` or ``youtube_vis_corrected/``.
    """

    default_prefix = 'youtube_vis'

    def count(self, tracks: SampleTracks, gt: TrackMasks) -> youtube_vis.YouTubeVISCounts:
        """The matches of one video."""
        return youtube_vis.count_youtube_vis(
            self.overlap(tracks, gt),
            video_id=int(tracks.video_id),
            classes=self.classes,
            protocol=self.protocol,
            gt_ids=gt.ids,
        )

    def combine(self, videos: list[youtube_vis.YouTubeVISCounts]) -> dict[str, float]:
        """The summary, with a warning if the official evaluator would score other tracks."""
        ids = [number for video in videos for number in video.gt_ids]
        if self.protocol == 'official' and len(set(ids)) < len(ids):
            twice = next(number for number in ids if ids.count(number) > 1)
            print_log(
                f'youtube_vis, official protocol: id {twice} of a ground-truth track is in several '
                f'videos. The official evaluator looks tracks up by their id alone; for its score '
                f'use tools/analysis_tools/evaluate.py on the annotation file and the results.',
                logger='current',
                level=logging.WARNING,
            )
        return youtube_vis.score_youtube_vis(videos)


@METRICS.register_module()
class AVTrackMetric(TrackMetric):
    """HOTA, DetA, AssA, IDF1, MOTA and J&F of AVTrack, in percent.

    Returns the mean of :func:`~avis.evaluation.functional.avtrack.average_avtrack` under
    ``avtrack/`` or ``avtrack_corrected/``. ``out`` is a folder with a folder per video and a
    sub-folder per person; ``frame_ids`` are the frame numbers.

    Args:
        with_jf: Score J&F too, which decodes the masks.
        kwargs: Arguments of :class:`TrackMetric`.
    """

    default_prefix = 'avtrack'

    def __init__(self, *, with_jf: bool = False, **kwargs: Any) -> None:
        self.with_jf = with_jf
        super().__init__(**kwargs)

    def count(self, tracks: SampleTracks, gt: TrackMasks) -> avtrack.AVTrackCounts:
        """The scores of one video."""
        gt, pred = tracks.scored(gt), tracks.scored(tracks.pred)
        # The scorer merges persons in the order of their folders, sorted as strings.
        order = sorted(range(len(pred.rles)), key=lambda person: f'person_{person}')
        pred = TrackMasks([pred.rles[person] for person in order])
        video = _overlap(tracks, gt, pred, merged=True)
        readers = None
        if self.with_jf:
            readers = avtrack.MaskReaders(
                gt=lambda track, frame: _dense(gt, track, frame),
                pred=lambda track, frame: _merged(pred, track, frame),
            )
        return avtrack.score_avtrack(
            video,
            name=tracks.name,
            protocol=self.protocol,
            masks=readers,
            num_folders=len(pred.rles),
        )

    def combine(self, videos: list[avtrack.AVTrackCounts]) -> dict[str, float]:
        """The mean over videos in the order of the data set, on which official J&F depends."""
        try:
            return avtrack.average_avtrack(videos)
        except OfficialEvaluatorError as error:
            print_log(f'No J&F: {error}', logger='current')
            means = ((key, [video.summary[key] for video in videos]) for key in avtrack.SUMMARY)
            return {key: float(np.mean(values)) for key, values in means}

    def dump(self, tracks: SampleTracks, sample: dict[str, Any]) -> list[dict[str, Any]]:
        """Write the folder of the video."""
        if self.out is not None:
            frame_ids = sample.get('frame_ids', range(len(tracks.frames)))
            folder = path_inside(self.out, tracks.name)
            write_persons(folder, tracks.pred.rles, [int(k) for k in frame_ids])
        return []


def _overlap(
    tracks: SampleTracks, gt: TrackMasks, pred: TrackMasks, *, merged: bool = False
) -> VideoOverlap:
    num_frames = int(tracks.frames.sum())
    return VideoOverlap.from_rles(gt, pred, size=tracks.size, num_frames=num_frames, merged=merged)


def _dense(masks: TrackMasks, track: int, frame: int) -> NDArray[np.bool_]:
    rle = masks.rles[track][frame]
    if rle is None:
        raise ValueError(f'track {track} is absent in frame {frame}')
    return decode_rle(rle)


def _merged(masks: TrackMasks, track: int, frame: int) -> NDArray[np.bool_]:
    """The mask of a track without the pixels that later tracks hide."""
    mask = _dense(masks, track, frame)
    for later in range(track + 1, len(masks.rles)):
        if masks.rles[later][frame] is not None:
            mask &= ~_dense(masks, later, frame)
    return mask
