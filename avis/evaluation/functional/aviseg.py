"""Scores of AVISeg: TrackMAP, HOTA, FSLA, and CLEAR and Identity, over classes and videos.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_video`, which
turns one video into a few small arrays, and :func:`score_videos`, which turns those of a data set
into the numbers. Videos may be counted in any order and by any number of processes.

The two protocols. ``official`` gives the numbers of the evaluator that is released with AVISeg:

- a blank RLE is a detection for HOTA, CLEAR and Identity, null is not;
- HOTA, CLEAR and Identity are averaged over *all* classes of the data set; a class that no video
  has counts with HOTA 0 and LocA 1;
- TrackMAP steps through its thresholds with rounding errors, so that an IoU of 0.95 fails at the
  last one; the very first prediction, of the first video by name, does not use up the true track
  that it takes; -1 stands for a class without a true track, and is the score if all are such;
- FSLA has the defects listed in :mod:`avis.evaluation.functional.fsla`, and may stop altogether.

``corrected``: blank is absent, and a track that is always absent is none; a class is averaged if it
has a mask, true or predicted, in some video; thresholds are 0.50, 0.55 ... 0.95; every prediction
uses up what it takes; what is undefined is NaN; FSLA is what the paper describes.

Predictions of a class that the data set does not have are ignored, but for FSLA.

Source: Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025 (arXiv:2310.18709), and the
evaluator released with it, which derives from TrackEval.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avis.evaluation.functional import clear, hota, identity
from avis.evaluation.functional.counts import (
    Counts,
    MaskCounts,
    OfficialEvaluatorError,
    Protocol,
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
METRICS: Mapping[str, type[Counts]] = {
    'HOTA': hota.HOTACounts,
    'CLEAR': clear.CLEARCounts,
    'Identity': identity.IdentityCounts,
    'Count': MaskCounts,
}
_COUNT_FIELDS = (
    *hota.COUNT_FIELDS,
    *clear.COUNT_FIELDS,
    *identity.COUNT_FIELDS,
    *MaskCounts().scores(),
)
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
    """The counts of one class in one video: ``counts`` by metric, and the matches of its tracks."""

    counts: Mapping[str, Any]
    tracks: TrackMatches


@dataclass(frozen=True, slots=True)
class AVISegCounts:
    """What the scores of a data set need to know of one video.

    Attributes:
        name: Name of the video; videos are put in the order of their names.
        protocol: The protocol that it was counted under.
        classes: Counts of every class with a true or a predicted track.
        fsla: Counts of FSLA; None if the official evaluator stops on this video.
        error: Why it stops.
        predicted: The video has a predicted track, of whatever class.
    """

    name: str
    protocol: Protocol
    classes: Mapping[int, ClassCounts]
    fsla: FSLACounts | None
    error: OfficialEvaluatorError | None
    predicted: bool

    def scores(self) -> dict[int, dict[str, Scores]]:
        """Scores of this video on its own: by class, metric and field."""
        return {
            label: {
                metric: (counts.scores_of_video() if metric == 'CLEAR' else counts.scores())
                for metric, counts in part.counts.items()
            }
            for label, part in self.classes.items()
        }


@dataclass(frozen=True)
class AVISegScores:
    """The scores of a data set; all in 0..1 but for :meth:`summary`, which is in percent.

    Attributes:
        protocol: The protocol.
        num_videos: Number of videos.
        per_class: Scores by class, metric and field, for classes with a true or predicted track.
        class_averaged: Mean over classes, by metric and field. The paper reports these.
        det_averaged: All classes pooled, by metric and field; TrackMAP as in ``class_averaged``.
        fsla: FSLA by field; of the other videos if the official evaluator stops on some.
        error: Why it stops, for the first such video by name.
    """

    protocol: Protocol
    num_videos: int
    per_class: Mapping[int, Mapping[str, Scores]]
    class_averaged: Mapping[str, Scores]
    det_averaged: Mapping[str, Scores]
    fsla: Scores
    error: OfficialEvaluatorError | None

    def summary(self) -> dict[str, float]:
        """The reported numbers in percent, means over thresholds; ``_count`` and ``_all`` frames.

        ``FAs_count`` and its like are means over thresholds too, cut off to integers.

        Raises:
            OfficialEvaluatorError: The official evaluator reports nothing, because it stops.
        """
        if self.error:
            raise self.error
        frames = [name for name in self.fsla if name.endswith(('_count', '_all'))]
        scores = self.summary_of_tracks()
        for name in ('FA', 'FAn', 'FAs', 'FAm'):
            scores[name] = 100 * float(self.fsla[name].mean())
        return scores | {name: int(self.fsla[name].mean()) for name in frames}

    def summary_of_tracks(self) -> dict[str, float]:
        """The part of :meth:`summary` without FSLA, which always exists."""
        maps, hotas = self.class_averaged['TrackMAP'], self.class_averaged['HOTA']
        scores = {name: maps[key] for name, key in _MAP_SUMMARY.items()}
        scores |= {name: hotas[name] for name in _HOTA_SUMMARY}
        return {name: 100 * float(values.mean()) for name, values in scores.items()}


def count_video(
    video: VideoOverlap, *, name: str, classes: Iterable[int], protocol: Protocol = 'official'
) -> AVISegCounts:
    """Count everything that is scored of one video.

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


def score_videos(videos: Iterable[AVISegCounts], *, classes: Iterable[int]) -> AVISegScores:
    """Turn the counts of all videos into the scores of the data set.

    Args:
        videos: In any order; those of ranks or processes are simply put together.
        classes: The classes of the data set.

    Raises:
        ValueError: No video, or videos counted under different protocols.
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
                for metric, kind in METRICS.items()
            },
        },
        det_averaged={
            'TrackMAP': mean_map,
            **{
                metric: kind.total(counts[metric] for counts in pooled.values()).scores()
                for metric, kind in METRICS.items()
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
            for metric, kind in METRICS.items()
        }
        for label, found in parts.items()
    }


def _average(classes: Sequence[Scores], nothing: Counts, absent: int) -> Scores:
    """Mean over classes, and over as many ``absent`` ones; NaN without any."""
    silent = nothing.scores()
    if not classes and not absent:
        return {
            name: values if name in _COUNT_FIELDS else np.full_like(values, np.nan)
            for name, values in silent.items()
        }
    return average_classes([*classes, *[silent] * absent], summed=_COUNT_FIELDS)


def _score_tracks(
    videos: Sequence[AVISegCounts], *, official: bool
) -> tuple[dict[int, Scores], Scores]:
    """TrackMAP of each class, and its mean over the classes with a true track."""
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
    """As the official evaluator writes what is undefined."""
    return {name: np.where(np.isnan(values), -1.0, values) for name, values in scores.items()}
