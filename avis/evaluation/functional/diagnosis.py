r"""Who, where, same: which faculty of a method loses how much of its score.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_diagnosis`, which
turns one video into a few small arrays, and :func:`score_diagnosis`, which turns those of a data
set into the numbers. One faculty after the other, every pair and all three are replaced by the
truth (:func:`avis.evaluation.functional.oracles.apply_oracles`), and HOTA, mAP and FSLA are scored
again.

mAP and FSLA, and HOTA if it is averaged over classes, are computed as AVISeg does; HOTA averaged
over videos is that of AVTrack, where a video without any mask counts 0 (:data:`Average`).

The protocol is always ``corrected``: under ``official`` even the truth is no perfect prediction.
With all three oracles HOTA, mAP and FSLA are 1, provided that the truth has a mask (HOTA, mAP) or a
frame (FSLA), and that no two true tracks have the same mask in every frame. HOTA over videos is
then the share of videos that have a true mask.

Each score has two versions. ``raw`` is the score of the prediction that the oracles rebuild. It
mostly rises with every oracle, but no score promises that it does: HOTA and FSLA pair tracks over
the whole video, so a corrected mask may turn a pairing round and spoil other frames, and a track
with parts of two others fits neither. ``score`` lets an oracle leave a data set as it is: it is the best
``raw`` score of any of its oracles,

.. math:: score(S) = \max_{R \subseteq S} raw(R)

so it never falls when an oracle is added. The *gain* of a set is :math:`score(S) - score(none)`.
Gains of the three faculties do not sum to what is lost, as one error may spoil what another has
spoilt already; their *shares* do: the gain that a faculty adds to those corrected before it,
averaged over the six orders in which the three can be corrected (Shapley, 1953).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from avis.evaluation.functional.aviseg import AVISegCounts, count_video, score_videos
from avis.evaluation.functional.error_kinds import ErrorCounts, count_errors
from avis.evaluation.functional.oracles import FACULTIES, ORACLES, apply_oracles, pair_masks
from avis.evaluation.functional.overlap import Ints, VideoOverlap

Average: TypeAlias = Literal['classes', 'videos']
METRICS = ('HOTA', 'mAP', 'FSLA')
# In how many of the six orders of three faculties a faculty comes after given others, by number.
_ORDERS = (2, 1, 2)


@dataclass(frozen=True)
class VideoDiagnosis:
    """What the diagnosis of a data set needs to know of one video.

    Attributes:
        name: Name of the video.
        errors: Its errors by kind.
        counts: What is scored of it with each set of oracles, in the order of ``ORACLES``.
    """

    name: str
    errors: ErrorCounts
    counts: tuple[AVISegCounts, ...]


@dataclass(frozen=True)
class Decomposition:
    """One metric with every set of oracles, by the names of ``ORACLES``, all in 0..1.

    Attributes:
        raw: The score of the rebuilt prediction; NaN where the metric is undefined.
    """

    raw: Mapping[tuple[str, ...], float]

    def score(self, oracles: Iterable[str]) -> float:
        """The best raw score that some of the oracles reach; NaN if the truth itself has none."""
        if np.isnan(self.raw[FACULTIES]):
            return np.nan
        allowed = set(oracles)
        return max(value for names, value in self.raw.items() if allowed.issuperset(names))

    def gain(self, oracles: Iterable[str]) -> float:
        """What the oracles add to the score of the prediction."""
        return self.score(oracles) - self.score(())

    @property
    def lost(self) -> float:
        """What the prediction lacks to the perfect score."""
        return self.gain(FACULTIES)

    def share(self, faculty: str) -> float:
        """The part of :attr:`lost` that falls to one faculty; the three sum to it.

        >>> sets = [(), ('who',), ('where',), ('same',), ('who', 'where'), ('who', 'same')]
        >>> raw = dict.fromkeys(sets, 0.4) | {('who', 'where'): 0.6, ('where', 'same'): 0.4}
        >>> decomposition = Decomposition(raw | {('who', 'where', 'same'): 1.0})
        >>> [round(decomposition.share(faculty), 3) for faculty in FACULTIES]
        [0.233, 0.233, 0.133]
        """
        others = [names for names in ORACLES if faculty not in names]
        return sum(
            _ORDERS[len(names)] / 6 * (self.score((*names, faculty)) - self.score(names))
            for names in others
        )


@dataclass(frozen=True)
class Diagnosis:
    """Where a method loses.

    Attributes:
        metrics: Scores with every set of oracles, by ``METRICS``.
        errors: Errors by kind, summed over videos.
        per_video: Errors of each video by its name.
    """

    metrics: Mapping[str, Decomposition]
    errors: ErrorCounts
    per_video: Mapping[str, ErrorCounts]

    def to_dict(self) -> dict[str, Any]:
        """All numbers for a file, scores in percent; sets of oracles are joined with ``+``."""
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
    true_overlap: Ints | None = None,
) -> VideoDiagnosis:
    """Count the errors of one video, and what is scored of it with each set of oracles.

    Args:
        video: Overlaps of all tracks.
        name: Name of the video.
        classes: The classes of the data set.
        true_overlap: Pixels that two true masks share, (T, G, G), in the order of ``video.gt``;
            if None true masks are disjoint, as those of label maps are.

    >>> image = np.array([[1, 2]])
    >>> frames = [(image, image), (image, image[:, ::-1])]
    >>> video = VideoOverlap.from_label_maps(frames, size=(1, 2))
    >>> diagnosis = score_diagnosis([count_diagnosis(video, name='a', classes=[0])], classes=[0])
    >>> diagnosis.errors.identity_switch, round(diagnosis.metrics['HOTA'].gain(['same']), 3)
    (2, 0.423)
    """
    classes = tuple(classes)
    if true_overlap is not None:
        kept = video.gt.areas.any(axis=1)
        true_overlap = true_overlap[:, kept][:, :, kept]
    video = video.without_blanks()
    video = video.select(video.gt.ever_present, video.pred.ever_present)
    match = pair_masks(video)
    counts = tuple(
        count_video(
            apply_oracles(video, match, oracles, true_overlap=true_overlap),
            name=name,
            classes=classes,
            protocol='corrected',
        )
        for oracles in ORACLES
    )
    return VideoDiagnosis(name, count_errors(video, match), counts)


def score_diagnosis(
    videos: Iterable[VideoDiagnosis], *, classes: Iterable[int], average: Average = 'classes'
) -> Diagnosis:
    """Turn the counts of all videos, in any order, into the diagnosis of the data set.

    Args:
        videos: Of any number of processes; at least one.
        classes: The classes of the data set.
        average: What HOTA is the mean over: ``'classes'`` as of AVISeg, ``'videos'`` as of AVTrack.
    """
    if average not in get_args(Average):
        raise ValueError(f'average must be one of {get_args(Average)}, got {average!r}')
    videos = sorted(videos, key=lambda video: video.name)
    classes = tuple(classes)
    scored = [
        _scores([video.counts[place] for video in videos], classes, average)
        for place in range(len(ORACLES))
    ]
    return Diagnosis(
        metrics={
            metric: Decomposition(
                {names: scores[metric] for names, scores in zip(ORACLES, scored, strict=True)}
            )
            for metric in METRICS
        },
        errors=ErrorCounts.total(video.errors for video in videos),
        per_video={video.name: video.errors for video in videos},
    )


def _scores(
    videos: Sequence[AVISegCounts], classes: Sequence[int], average: Average
) -> dict[str, float]:
    """The three metrics, in 0..1."""
    scores = score_videos(videos, classes=classes)
    hota = scores.class_averaged['HOTA']['HOTA'].mean()
    if average == 'videos':
        hota = np.mean([_hota_of_video(video) for video in videos])
    return {
        'HOTA': float(hota),
        'mAP': float(scores.class_averaged['TrackMAP']['AP_all'].mean()),
        'FSLA': float(scores.fsla['FA'].mean()),
    }


def _hota_of_video(video: AVISegCounts) -> float:
    """HOTA of one video, mean over its classes; 0 without any mask."""
    found = [part.counts['HOTA'].scores()['HOTA'].mean() for part in video.classes.values()]
    return float(np.mean(found)) if found else 0.0


def _to_dict(metric: Decomposition) -> dict[str, Any]:
    sets = {'+'.join(names): names for names in ORACLES if names}
    return {
        'score': 100 * metric.score(()),
        'lost': 100 * metric.lost,
        'gain': {name: 100 * metric.gain(names) for name, names in sets.items()},
        'share': {name: 100 * metric.share(name) for name in FACULTIES},
        'raw': {'+'.join(names) or 'none': 100 * value for names, value in metric.raw.items()},
    }
