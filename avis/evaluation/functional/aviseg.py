"""Scores of AVISeg: TrackMAP, HOTA, FSLA, and CLEAR and Identity, over classes and videos.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_aviseg`, which
turns one video into a few small arrays, and :func:`score_aviseg`, which turns those of a data set
into scores. Videos may be counted in any order and by any number of processes.

The two protocols. ``official`` reproduces the numbers of the official evaluator of AVISeg:

- a blank RLE is a detection for HOTA, CLEAR and Identity, null is not;
- HOTA, CLEAR and Identity are averaged over *all* classes of the data set; a class that occurs in
  no video counts with HOTA 0 and LocA 1;
- TrackMAP computes its thresholds with rounding errors, so that an IoU of 0.95 fails at the last
  one; the very first prediction, of the first video by name, leaves the gt track that it matches
  free for others; the score of a class without a gt track is -1, as is the mean if all are such;
- FSLA has the defects listed in :mod:`avis.evaluation.functional.fsla`, and may raise an error.

``corrected``: a blank mask is absent, and a track without masks does not exist; classes are
averaged if they have a gt or a predicted mask in some video; thresholds are 0.50, 0.55 ... 0.95; a
gt track is matched once; undefined scores are NaN; FSLA is computed as the paper describes.

Predictions of a class that the data set does not have are ignored, except in FSLA.

Source: Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025 (arXiv:2310.18709), and its
official evaluator, which derives from TrackEval.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avis.evaluation.functional import clear, hota, identity
from avis.evaluation.functional.counts import (
    Counts,
    EvalProtocol,
    MaskCounts,
    OfficialEvaluatorError,
    Scores,
    average_classes,
    check_protocol,
    count_masks,
    protocol_of,
)
from avis.evaluation.functional.fsla import FSLACounts, count_fsla
from avis.evaluation.functional.overlap import VideoOverlap
from avis.evaluation.functional.track_map import (
    EXACT_RULES,
    TRACKEVAL_RULES,
    TrackMatches,
    average_classes_found,
    match_tracks,
    score_matches,
)

# The metrics that are sums of counts; TrackMAP is not.
SUMMED_METRICS: Mapping[str, type[Counts]] = {
    'HOTA': hota.HOTACounts,
    'CLEAR': clear.CLEARCounts,
    'Identity': identity.IdentityCounts,
    'Count': MaskCounts,
}
_COUNT_FIELDS = tuple(name for kind in SUMMED_METRICS.values() for name in kind.COUNT_FIELDS)
_MAP_SUMMARY = {
    'AP_all': 'AP_all',
    'AP_s': 'AP_area_s',
    'AP_m': 'AP_area_m',
    'AP_l': 'AP_area_l',
    'AR_all': 'AR_all',
}
_HOTA_SUMMARY = ('HOTA', 'DetA', 'DetRe', 'DetPr', 'AssA', 'AssRe', 'AssPr', 'LocA')


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """The counts of one class in one video: ``counts`` by metric, and ``tracks``, its matches."""

    counts: Mapping[str, Any]
    tracks: TrackMatches


@dataclass(frozen=True, slots=True)
class AVISegCounts:
    """The counts of one video, from which the scores of a data set are computed.

    Attributes:
        name: Name of the video; videos are sorted by name.
        protocol: The protocol of the counts.
        classes: Counts of every class with a gt or a predicted track.
        fsla: Counts of FSLA; None if the official evaluator stops on this video.
        error: The error of the official evaluator.
        predicted: Whether the video has a predicted track of any class.
    """

    name: str
    protocol: EvalProtocol
    classes: Mapping[int, ClassCounts]
    fsla: FSLACounts | None
    error: OfficialEvaluatorError | None
    predicted: bool

    def scores(self) -> dict[int, dict[str, Scores]]:
        """Scores of this video alone, by class, metric and field."""
        return {
            label: {
                metric: (counts.scores_of_video() if metric == 'CLEAR' else counts.scores())
                for metric, counts in part.counts.items()
            }
            for label, part in self.classes.items()
        }


@dataclass(frozen=True)
class AVISegScores:
    """The scores of a data set in 0..1; :meth:`summary` is in percent.

    Attributes:
        protocol: The protocol.
        num_videos: Number of videos.
        per_class: Scores by class, metric and field, for classes with a gt or predicted track.
        class_averaged: Mean over classes, by metric and field, as reported in the paper.
        det_averaged: All classes pooled, by metric and field; TrackMAP as in ``class_averaged``.
        fsla: FSLA by field, without the videos on which the official evaluator stops.
        error: Its error on the first such video by name.
    """

    protocol: EvalProtocol
    num_videos: int
    per_class: Mapping[int, Mapping[str, Scores]]
    class_averaged: Mapping[str, Scores]
    det_averaged: Mapping[str, Scores]
    fsla: Scores
    error: OfficialEvaluatorError | None

    def summary(self) -> dict[str, float]:
        """The reported numbers in percent, means over thresholds; ``_count`` and ``_all`` frames.

        Counts such as ``FAs_count`` are means over thresholds too, truncated to integers.

        Raises:
            OfficialEvaluatorError: The official evaluator stops and reports no score.
        """
        if self.error:
            raise self.error
        frames = [name for name in self.fsla if name.endswith(('_count', '_all'))]
        scores = self.summary_of_tracks()
        for name in ('FA', 'FAn', 'FAs', 'FAm'):
            scores[name] = 100 * float(self.fsla[name].mean())
        return scores | {name: int(self.fsla[name].mean()) for name in frames}

    def summary_of_tracks(self) -> dict[str, float]:
        """The part of :meth:`summary` without FSLA, which is always defined."""
        maps, hotas = self.class_averaged['TrackMAP'], self.class_averaged['HOTA']
        scores = {name: maps[key] for name, key in _MAP_SUMMARY.items()}
        scores |= {name: hotas[name] for name in _HOTA_SUMMARY}
        return {name: 100 * float(values.mean()) for name, values in scores.items()}


def count_aviseg(
    video: VideoOverlap, *, name: str, classes: Iterable[int], protocol: EvalProtocol = 'official'
) -> AVISegCounts:
    """Count one video for all metrics.

    Args:
        video: Overlaps of all tracks, in the order of the annotations and of the results.
        name: Name of the video.
        classes: The classes of the data set.
        protocol: ``'official'`` or ``'corrected'``.
    """
    check_protocol(protocol)
    rules = TRACKEVAL_RULES
    if protocol == 'corrected':
        video, rules = video.without_blanks(), EXACT_RULES
        video = video.select(video.gt.ever_present, video.pred.ever_present)
    labels = {*video.gt.labels.tolist(), *video.pred.labels.tolist()} & set(classes)
    fsla, error = None, None
    try:
        fsla = count_fsla(video, protocol=protocol)
    except OfficialEvaluatorError as stop:
        error = OfficialEvaluatorError(f'{name}, {stop.args[0]}', stop.cause)
    return AVISegCounts(
        name=name,
        protocol=protocol,
        classes={
            label: ClassCounts(
                _count_class(video.of_class(label)),
                match_tracks(video, label, rules=rules),
            )
            for label in sorted(labels)
        },
        fsla=fsla,
        error=error,
        predicted=len(video.pred) > 0,
    )


def score_aviseg(videos: Iterable[AVISegCounts], *, classes: Iterable[int]) -> AVISegScores:
    """Turn the counts of all videos into the scores of the data set.

    Args:
        videos: The videos of all processes, in any order.
        classes: The classes of the data set.

    Raises:
        ValueError: There is no video, or the protocols of the videos differ.
    """
    videos = sorted(videos, key=lambda video: video.name)
    protocol = protocol_of(videos)
    official = protocol == 'official'
    pooled = _pool(videos)
    track_map, mean_map = _score_tracks(videos, official=official)
    per_class = {
        label: {metric: counts.scores() for metric, counts in pooled[label].items()}
        for label in sorted(pooled)
    }
    absent = len(set(classes)) - len(per_class) if official else 0
    return AVISegScores(
        protocol=protocol,
        num_videos=len(videos),
        per_class={
            label: {'TrackMAP': track_map[label], **scores} for label, scores in per_class.items()
        },
        class_averaged={
            'TrackMAP': mean_map,
            **{
                metric: _average([scores[metric] for scores in per_class.values()], kind(), absent)
                for metric, kind in SUMMED_METRICS.items()
            },
        },
        det_averaged={
            'TrackMAP': mean_map,
            **{
                metric: kind.total(counts[metric] for counts in pooled.values()).scores()
                for metric, kind in SUMMED_METRICS.items()
            },
        },
        fsla=FSLACounts.total(video.fsla for video in videos if video.fsla is not None).scores(),
        error=next((video.error for video in videos if video.error), None),
    )


def _count_class(video: VideoOverlap) -> dict[str, Counts]:
    """The counts of the tracks of one class, by metric."""
    return {
        'HOTA': hota.count_hota(video),
        'CLEAR': clear.count_clear(video),
        'Identity': identity.count_identity(video),
        'Count': count_masks(video),
    }


def _pool(videos: Sequence[AVISegCounts]) -> dict[int, dict[str, Counts]]:
    """Sums over videos, by class and metric."""
    parts: dict[int, list[ClassCounts]] = {}
    for video in videos:
        for label, part in video.classes.items():
            parts.setdefault(label, []).append(part)
    return {
        label: {
            metric: kind.total(part.counts[metric] for part in found)
            for metric, kind in SUMMED_METRICS.items()
        }
        for label, found in parts.items()
    }


def _average(classes: Sequence[Scores], no_counts: Counts, absent: int) -> Scores:
    """Mean over classes, ``absent`` of which have no mask; NaN without any class."""
    empty = no_counts.scores()
    if not classes and not absent:
        return {
            name: values if name in _COUNT_FIELDS else np.full_like(values, np.nan)
            for name, values in empty.items()
        }
    return average_classes([*classes, *[empty] * absent], summed=_COUNT_FIELDS)


def _score_tracks(
    videos: Sequence[AVISegCounts], *, official: bool
) -> tuple[dict[int, Scores], Scores]:
    """TrackMAP of each class, and its mean over the classes with a gt track."""
    first = next((video for video in videos if video.predicted), None) if official else None
    matches: dict[int, list[TrackMatches]] = {}
    for video in videos:
        for label, part in video.classes.items():
            tracks = part.tracks.as_first if video is first else None
            matches.setdefault(label, []).append(tracks or part.tracks)
    scores = {label: score_matches(found) for label, found in matches.items()}
    mean = average_classes_found([*scores.values()] or [score_matches([])])
    if not official:
        return scores, mean
    return {label: _minus_one(values) for label, values in scores.items()}, _minus_one(mean)


def _minus_one(scores: Scores) -> Scores:
    """Replace undefined scores by -1, as the official evaluator does."""
    return {name: np.where(np.isnan(values), -1.0, values) for name, values in scores.items()}
