"""AVISeg, YouTube-VIS and AVTrack: metrics of tracks, and dumps of what is submitted.

Start reading at :class:`TrackMetric`. A data sample is a whole video. Each is scored at once, and
of its masks nothing stays but RLEs if they are dumped; so videos may be spread over ranks unevenly
or repeated as padding, and the numbers are those of one process.
"""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from numpy.typing import NDArray

from avis.evaluation.functional import aviseg, avtrack, youtube_vis
from avis.evaluation.functional.counts import OfficialEvaluatorError, Protocol, check_protocol
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.evaluation.metrics.sample_tracks import SampleTracks, tracks_of
from avis.evaluation.metrics.submission import to_results, write_persons, write_results
from avis.registry import METRICS
from avis.structures.masks import decode_rle, encode_mask


@dataclass(frozen=True)
class ScoredVideo:
    """What is collected of one video: its id, its counts (None without truth), what is dumped.

    ``index`` is its place in the data set, if the sample tells; ``failed``: its name, if an
    error left it without a prediction.
    """

    video_id: int | str
    counts: Any
    entries: list[dict[str, Any]] = field(default_factory=list)
    index: int = 0
    failed: str | None = None


class TrackMetric(BaseMetric):
    """Base of the metrics of tracks.

    What is read of a data sample tells :func:`~avis.evaluation.metrics.sample_tracks.tracks_of`.

    Args:
        protocol: ``'official'`` or ``'corrected'``.
        out: Where predictions are dumped in the layout of the benchmark; None for nowhere. Samples
            without truth are dumped, but not scored.
        prefix: First part of the keys; by default it tells benchmark and protocol.
        collect_device: Where results of several processes meet, ``'cpu'`` or ``'gpu'``.
    """

    BENCHMARK: ClassVar[str]

    def __init__(
        self,
        *,
        protocol: Protocol = 'official',
        out: str | None = None,
        prefix: str | None = None,
        collect_device: str = 'cpu',
    ) -> None:
        check_protocol(protocol)
        self.protocol = protocol
        self.out = None if out is None else Path(out)
        default = self.BENCHMARK if protocol == 'official' else f'{self.BENCHMARK}_{protocol}'
        super().__init__(collect_device=collect_device, prefix=prefix or default)

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Score each video at once, so that no mask outlives its batch."""
        for sample in data_samples:
            tracks = tracks_of(sample)
            counts = None if tracks.gt is None else self.count(tracks, tracks.gt)
            entries = [] if self.out is None else self.dump(tracks, sample)
            # One entry per sample: mmengine drops padding samples by counting them.
            index = sample.get('video_index', 0)
            failed = tracks.name if 'failure' in sample else None
            self.results.append(ScoredVideo(tracks.video_id, counts, entries, index, failed))

    def compute_metrics(self, results: list[ScoredVideo]) -> dict[str, float]:
        """Combine the videos, each once, and say which protocol made the numbers."""
        # Loops over videos deal them to processes by length: back to the order of the data set.
        in_order = sorted(results, key=lambda video: video.index)
        videos = list({video.video_id: video for video in in_order}.values())
        self.finish(videos)
        known = [video.counts for video in videos if video.counts is not None]
        print_log(
            f'{self.BENCHMARK}, {self.protocol} protocol: {len(known)} videos with truth of '
            f'{len(videos)}',
            logger='current',
        )
        failed = [video.failed for video in videos if video.failed is not None]
        if failed:
            print_log(
                f'{len(failed)} of {len(videos)} videos failed and count as without a prediction; '
                f'their errors are logged above, the next run tries them again: '
                f'{", ".join(failed)}',
                logger='current',
                level=logging.WARNING,
            )
        return self.combine(known) if known else {}

    @abstractmethod
    def count(self, tracks: SampleTracks, gt: TrackMasks) -> Any:
        """What :meth:`combine` needs of one video."""

    @abstractmethod
    def combine(self, videos: list[Any]) -> dict[str, float]:
        """The numbers of all videos."""

    @abstractmethod
    def dump(self, tracks: SampleTracks, sample: dict[str, Any]) -> list[dict[str, Any]]:
        """Write the prediction of one video, or return what :meth:`finish` writes of it."""

    def finish(self, videos: list[ScoredVideo]) -> None:
        """Write what is one file for all videos."""


class ResultsMetric(TrackMetric):
    """A metric whose predictions are submitted as one ``results.json``, which ``out`` names.

    Args:
        category_ids: Category of each class index in the file; index + 1 if None.
        write_blanks: A frame in which a predicted track is absent gets a blank mask, as the
            published models write it; False for null. ``official`` scores the two differently.
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
                f'{type(self).__name__} needs the classes of the data set in its metainfo, got '
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
        return to_results(tracks.video_id, tracks.pred, blank=blank, category_ids=self.category_ids)

    def finish(self, videos: list[ScoredVideo]) -> None:
        """Write the file, on one rank."""
        if self.out is not None and is_main_process():
            write_results(self.out, [entry for video in videos for entry in video.entries])


@METRICS.register_module()
class AVISegMetric(ResultsMetric):
    """TrackMAP, HOTA and FSLA of AVISeg, in percent.

    Gives the summary of :func:`~avis.evaluation.functional.aviseg.score_videos` under ``aviseg/``
    or ``aviseg_corrected/``; without FSLA if the official evaluator stops on a video.
    """

    BENCHMARK = 'aviseg'

    def count(self, tracks: SampleTracks, gt: TrackMasks) -> aviseg.AVISegCounts:
        """The counts of one video."""
        video = self.overlap(tracks, gt)
        return aviseg.count_video(
            video, name=tracks.name, classes=self.classes, protocol=self.protocol
        )

    def combine(self, videos: list[aviseg.AVISegCounts]) -> dict[str, float]:
        """The summary."""
        scores = aviseg.score_videos(videos, classes=self.classes)
        if scores.error is None:
            return scores.summary()
        print_log(f'No FSLA: {scores.error}', logger='current')
        return scores.summary_of_tracks()


@METRICS.register_module()
class YouTubeVISMetric(ResultsMetric):
    """AP and AR of YouTube-VIS and OVIS, in percent.

    Gives the summary of :func:`~avis.evaluation.functional.youtube_vis.score_videos` under
    ``youtube_vis/`` or ``youtube_vis_corrected/``.
    """

    BENCHMARK = 'youtube_vis'

    def count(self, tracks: SampleTracks, gt: TrackMasks) -> youtube_vis.YouTubeVISCounts:
        """The matches of one video."""
        return youtube_vis.count_video(
            self.overlap(tracks, gt),
            video_id=int(tracks.video_id),
            classes=self.classes,
            protocol=self.protocol,
        )

    def combine(self, videos: list[youtube_vis.YouTubeVISCounts]) -> dict[str, float]:
        """The summary."""
        return youtube_vis.score_videos(videos)


@METRICS.register_module()
class AVTrackMetric(TrackMetric):
    """HOTA, DetA, AssA, IDF1, MOTA and J&F of AVTrack, in percent.

    Gives the mean of :func:`~avis.evaluation.functional.avtrack.average_videos` under ``avtrack/``
    or ``avtrack_corrected/``. ``out`` is a folder, in which each video has one with a folder for
    each person; frames are numbered by ``frame_ids``.

    Args:
        with_jf: Score J&F too, which decodes the masks.
        kwargs: Arguments of :class:`TrackMetric`.
    """

    BENCHMARK = 'avtrack'

    def __init__(self, *, with_jf: bool = False, **kwargs: Any) -> None:
        self.with_jf = with_jf
        super().__init__(**kwargs)

    def count(self, tracks: SampleTracks, gt: TrackMasks) -> avtrack.AVTrackCounts:
        """The scores of one video."""
        gt, pred = tracks.scored(gt), tracks.scored(tracks.pred)
        # The scorer paints the persons in the order of their folders, which is that of text.
        order = sorted(range(len(pred.rles)), key=lambda person: f'person_{person}')
        pred = TrackMasks([pred.rles[person] for person in order])
        video = _overlap(tracks, gt, pred, painted=True)
        readers = None
        if self.with_jf:
            readers = avtrack.MaskReaders(
                true=lambda track, frame: _dense(gt, track, frame),
                pred=lambda track, frame: _painted(pred, track, frame),
            )
        return avtrack.score_video(
            video,
            name=tracks.name,
            protocol=self.protocol,
            masks=readers,
            num_folders=len(pred.rles),
        )

    def combine(self, videos: list[avtrack.AVTrackCounts]) -> dict[str, float]:
        """The mean over videos; in the order of their ids, on which official J&F depends."""
        try:
            return avtrack.average_videos(videos)
        except OfficialEvaluatorError as error:
            print_log(f'No J&F: {error}', logger='current')
            means = ((key, [video.summary[key] for video in videos]) for key in avtrack.SUMMARY)
            return {key: float(np.mean(values)) for key, values in means}

    def dump(self, tracks: SampleTracks, sample: dict[str, Any]) -> list[dict[str, Any]]:
        """Write the folder of the video."""
        if self.out is not None:
            numbers = sample.get('frame_ids', range(len(tracks.frames)))
            write_persons(self.out / tracks.name, tracks.pred, [int(n) for n in numbers])
        return []


def _overlap(
    tracks: SampleTracks, gt: TrackMasks, pred: TrackMasks, *, painted: bool = False
) -> VideoOverlap:
    num_frames = int(tracks.frames.sum())
    return VideoOverlap.from_rles(
        gt, pred, size=tracks.size, num_frames=num_frames, painted=painted
    )


def _dense(masks: TrackMasks, track: int, frame: int) -> NDArray[np.bool_]:
    rle = masks.rles[track][frame]
    if rle is None:
        raise ValueError(f'track {track} is absent in frame {frame}')
    return decode_rle(rle)


def _painted(masks: TrackMasks, track: int, frame: int) -> NDArray[np.bool_]:
    """The mask of a track without what later tracks hide of it."""
    mask = _dense(masks, track, frame)
    for later in range(track + 1, len(masks.rles)):
        if masks.rles[later][frame] is not None:
            mask &= ~_dense(masks, later, frame)
    return mask
