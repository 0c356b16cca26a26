r"""Who, where, same: how much of the score each component of a method loses.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_diagnosis`, which
turns one video into a few small arrays, and :func:`score_diagnosis`, which turns those of a data
set into scores. Each component, every pair and all three are replaced by the ground truth
(:func:`avis.evaluation.functional.oracles.apply_oracles`), and HOTA, mAP and FSLA are scored again.

mAP and FSLA, and HOTA if it is averaged over classes, are computed as for AVISeg; HOTA averaged
over videos is that of AVTrack, where a video without any mask counts 0 (:data:`Average`).

The protocol is always ``corrected``: under ``official`` even the ground truth does not reach the
perfect score as a prediction. With all three oracles HOTA, mAP and FSLA are 1 if the ground truth
has a mask (HOTA, mAP) or a frame (FSLA), and no two gt tracks have the same mask in every frame.
HOTA over videos is then the share of videos that have a gt mask.

Each score has two versions. ``raw`` is the score of the prediction rebuilt by the oracles. It
mostly rises with every oracle, but it does not have to: HOTA and FSLA pair tracks over the whole
video, so a corrected mask may change a pairing and make other frames wrong, and a track made of
parts of two others fits neither. ``score`` allows an oracle to leave a data set unchanged: it is
the best ``raw`` score of any subset of the oracles,

.. math:: score(S) = \max_{R \subseteq S} raw(R)

so it never falls when an oracle is added. The *gain* of a set is :math:`score(S) - score(none)`.
The gains of the three components do not sum to the loss, as one error may hide another; their
*shares* do: the gain that a component adds to those corrected before it, averaged over the six
orders in which the three can be corrected (Shapley, 1953).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from avis.evaluation.functional.array_types import IntArray
from avis.evaluation.functional.aviseg import AVISegCounts, count_aviseg, score_aviseg
from avis.evaluation.functional.error_kinds import ErrorCounts, count_errors
from avis.evaluation.functional.oracles import COMPONENTS, ORACLES, apply_oracles, pair_masks
from avis.evaluation.functional.overlap import VideoOverlap
from avis.evaluation.functional.timeline import Timeline, build_timeline

Average: TypeAlias = Literal['classes', 'videos']
DIAGNOSED_METRICS = ('HOTA', 'mAP', 'FSLA')
# Number of the six orders of three components in which one comes right after k given others.
_ORDERS = (2, 1, 2)


@dataclass(frozen=True)
class VideoDiagnosis:
    """The counts of one video, from which the diagnosis of a data set is computed.

    Attributes:
        name: Name of the video.
        errors: Its errors by kind.
        counts: Its counts with each set of oracles, in the order of ``ORACLES``.
        timeline: When its tracks have masks, and when each error happens.
    """

    name: str
    errors: ErrorCounts
    counts: tuple[AVISegCounts, ...]
    timeline: Timeline


@dataclass(frozen=True)
class Decomposition:
    """The values of one metric with every set of oracles, in 0..1.

    Attributes:
        raw: The score of the rebuilt prediction by set of oracles (``ORACLES``), or NaN.
    """

    raw: Mapping[tuple[str, ...], float]

    def score(self, oracles: Iterable[str]) -> float:
        """The best raw score of any subset of the oracles; NaN if the ground truth has no score."""
        if np.isnan(self.raw[COMPONENTS]):
            return np.nan
        allowed = set(oracles)
        return max(value for names, value in self.raw.items() if allowed.issuperset(names))

    def gain(self, oracles: Iterable[str]) -> float:
        """The increase of the score by the oracles."""
        return self.score(oracles) - self.score(())

    @property
    def lost(self) -> float:
        """The difference between the perfect score and that of the prediction."""
        return self.gain(COMPONENTS)

    def share(self, component: str) -> float:
        """The part of :attr:`lost` due to one component; the three parts sum to it.

        >>> sets = [(), ('who',), ('where',), ('same',), ('who', 'where'), ('who', 'same')]
        >>> raw = dict.fromkeys(sets, 0.4) | {('who', 'where'): 0.6, ('where', 'same'): 0.4}
        >>> decomposition = Decomposition(raw | {('who', 'where', 'same'): 1.0})
        >>> [round(decomposition.share(component), 3) for component in COMPONENTS]
        [0.233, 0.233, 0.133]
        """
        others = [names for names in ORACLES if component not in names]
        return sum(
            _ORDERS[len(names)] / 6 * (self.score((*names, component)) - self.score(names))
            for names in others
        )


@dataclass(frozen=True)
class Diagnosis:
    """The components that lose the score of a method, and its errors.

    Attributes:
        metrics: Decomposition of each of ``DIAGNOSED_METRICS``.
        errors: Errors by kind, summed over videos.
        per_video: Errors by kind of each video, by name.
    """

    metrics: Mapping[str, Decomposition]
    errors: ErrorCounts
    per_video: Mapping[str, ErrorCounts]

    def to_dict(self) -> dict[str, Any]:
        """All numbers as plain values, scores in percent; sets of oracles are joined with ``+``."""
        return {
            'metrics': {name: _to_dict(metric) for name, metric in self.metrics.items()},
            'errors': vars(self.errors),
            'per_video': {name: vars(errors) for name, errors in self.per_video.items()},
        }


def count_diagnosis(
    video: VideoOverlap,
    *,
    name: str,
    classes: Iterable[int],
    gt_overlap: IntArray | None = None,
) -> VideoDiagnosis:
    """Count the errors of one video, and its scores with each set of oracles.

    Args:
        video: Overlaps of all tracks.
        name: Name of the video.
        classes: The classes of the data set.
        gt_overlap: Pixels that two gt masks share, (T, G, G), in the order of ``video.gt``;
            None if gt masks are disjoint, as in label maps.

    >>> image = np.array([[1, 2]])
    >>> frames = [(image, image), (image, image[:, ::-1])]
    >>> video = VideoOverlap.from_label_maps(frames, size=(1, 2))
    >>> diagnosis = score_diagnosis([count_diagnosis(video, name='a', classes=[0])], classes=[0])
    >>> diagnosis.errors.identity_switch, round(diagnosis.metrics['HOTA'].gain(['same']), 3)
    (2, 0.423)
    """
    classes = tuple(classes)
    if gt_overlap is not None:
        kept = video.gt.areas.any(axis=1)
        gt_overlap = gt_overlap[:, kept][:, :, kept]
    video = video.without_blanks()
    video = video.select(video.gt.ever_present, video.pred.ever_present)
    match = pair_masks(video)
    counts = tuple(
        count_aviseg(
            apply_oracles(video, match, oracles, gt_overlap=gt_overlap),
            name=name,
            classes=classes,
            protocol='corrected',
        )
        for oracles in ORACLES
    )
    return VideoDiagnosis(name, count_errors(video, match), counts, build_timeline(video, match))


def score_diagnosis(
    videos: Iterable[VideoDiagnosis], *, classes: Iterable[int], average: Average = 'classes'
) -> Diagnosis:
    """Turn the counts of all videos, in any order, into the diagnosis of the data set.

    Args:
        videos: The videos of all processes; at least one.
        classes: The classes of the data set.
        average: What HOTA is averaged over, ``'classes'`` (AVISeg) or ``'videos'`` (AVTrack).
    """
    if average not in get_args(Average):
        raise ValueError(f'average must be one of {get_args(Average)}, got {average!r}')
    videos = sorted(videos, key=lambda video: video.name)
    classes = tuple(classes)
    scored = [
        _scores([video.counts[index] for video in videos], classes, average)
        for index in range(len(ORACLES))
    ]
    return Diagnosis(
        metrics={
            metric: Decomposition(
                {names: scores[metric] for names, scores in zip(ORACLES, scored, strict=True)}
            )
            for metric in DIAGNOSED_METRICS
        },
        errors=ErrorCounts.total(video.errors for video in videos),
        per_video={video.name: video.errors for video in videos},
    )


def _scores(
    videos: Sequence[AVISegCounts], classes: Sequence[int], average: Average
) -> dict[str, float]:
    """The three metrics, in 0..1."""
    scores = score_aviseg(videos, classes=classes)
    hota = scores.class_averaged['HOTA']['HOTA'].mean()
    if average == 'videos':
        hota = np.mean([_hota_of_video(video) for video in videos])
    return {
        'HOTA': float(hota),
        'mAP': float(scores.class_averaged['TrackMAP']['AP_all'].mean()),
        'FSLA': float(scores.fsla['FA'].mean()),
    }


def _hota_of_video(video: AVISegCounts) -> float:
    """Mean HOTA of one video over its classes; 0 without any mask."""
    found = [part.counts['HOTA'].scores()['HOTA'].mean() for part in video.classes.values()]
    return float(np.mean(found)) if found else 0.0


def _to_dict(metric: Decomposition) -> dict[str, Any]:
    sets = {'+'.join(names): names for names in ORACLES if names}
    return {
        'score': 100 * metric.score(()),
        'lost': 100 * metric.lost,
        'gain': {name: 100 * metric.gain(names) for name, names in sets.items()},
        'share': {name: 100 * metric.share(name) for name in COMPONENTS},
        'raw': {'+'.join(names) or 'none': 100 * value for names, value in metric.raw.items()},
    }
