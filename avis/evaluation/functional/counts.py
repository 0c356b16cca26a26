"""Counts that can be summed over videos in any order and any split, and means over classes.

Every score of a set of videos is computed from sums of counts, so ranks and worker processes may
count their share and add up in the end. A field of a result carries the name that TrackEval gives
it (``HOTA``, ``IDF1``, ``CLR_TP``); all values are in 0..1 or counts, none is in percent.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.overlap import VideoOverlap

Protocol: TypeAlias = Literal['official', 'corrected']
# Scores by name: arrays over thresholds, or of no dimension.
Scores: TypeAlias = dict[str, NDArray[Any]]
Self = TypeVar('Self', bound='Counts')


class OfficialEvaluatorError(RuntimeError):
    """The official evaluator stops on this input, so there is no official score.

    Attributes:
        cause: The error that it stops with.

    >>> str(OfficialEvaluatorError('video 7 has no frame', 'ZeroDivisionError: 0 frames'))
    'video 7 has no frame [ZeroDivisionError: 0 frames]'
    """

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message, cause)
        self.cause = cause

    def __str__(self) -> str:
        return '{} [{}]'.format(*self.args)


@dataclass(frozen=True, slots=True)
class Counts:
    """Base of the counts of a score: fields are numbers or arrays, and default to zero."""

    def __add__(self: Self, other: Self) -> Self:
        names = [field.name for field in fields(self)]
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def scores(self) -> Scores:
        """The scores by name, from these counts."""
        raise NotImplementedError(f'{type(self).__name__} has no scores')

    @classmethod
    def total(cls: type[Self], parts: Iterable[Self]) -> Self:
        """The sum of the parts, zero without any."""
        return reduce(lambda left, right: left + right, parts, cls())


@dataclass(frozen=True, slots=True)
class MaskCounts(Counts):
    """How many masks and tracks there are, as TrackEval's ``Count`` has it.

    >>> (MaskCounts(true_masks=2, true_tracks=1) + MaskCounts(true_masks=3)).scores()['GT_Dets']
    array(5)
    """

    true_masks: int = 0
    true_tracks: int = 0
    masks: int = 0
    tracks: int = 0

    def scores(self) -> Scores:
        """The counts by their names."""
        names = {
            'Dets': self.masks,
            'GT_Dets': self.true_masks,
            'IDs': self.tracks,
            'GT_IDs': self.true_tracks,
        }
        return {name: np.asarray(value) for name, value in names.items()}


def count_masks(video: VideoOverlap) -> MaskCounts:
    """Count the masks, blank ones included, and the tracks that have one."""
    return MaskCounts(
        true_masks=video.gt.num_masks,
        true_tracks=int(video.gt.ever_present.sum()),
        masks=video.pred.num_masks,
        tracks=int(video.pred.ever_present.sum()),
    )


def average_classes(classes: Sequence[Scores], *, summed: Collection[str] = ()) -> Scores:
    """Plain mean of every field over classes.

    Args:
        classes: Scores of each class, all with the same fields; NaN without any class.
        summed: Fields that are counts: these are summed instead.

    >>> classes = [{'DetA': np.array([0.5, 0.0]), 'TP': np.array([3, 0])}] * 2
    >>> average_classes(classes, summed=['TP'])
    {'DetA': array([0.5, 0. ]), 'TP': array([6, 0])}
    """
    if not classes:
        return {}
    averaged = {}
    for name in classes[0]:
        values = np.stack([scores[name] for scores in classes])
        averaged[name] = np.asarray(values.sum(axis=0) if name in summed else values.mean(axis=0))
    return averaged


def ratio(part: Any, whole: Any) -> NDArray[np.float64]:
    """``part / max(1, whole)``: 0 where there is nothing to count.

    >>> ratio(np.array([1, 0]), np.array([2, 0]))
    array([0.5, 0. ])
    """
    quotient: NDArray[np.float64] = np.asarray(part / np.maximum(1, whole), np.float64)
    return quotient


def protocol_of(videos: Iterable[Any]) -> Protocol:
    """The one protocol that all videos were counted under.

    Raises:
        ValueError: No video, or videos counted under different protocols.
    """
    protocols: set[Protocol] = {video.protocol for video in videos}
    if len(protocols) != 1:
        raise ValueError(f'expected videos counted under one protocol, got {sorted(protocols)}')
    return protocols.pop()


def check_protocol(protocol: str) -> None:
    """Refuse a protocol that does not exist."""
    if protocol not in get_args(Protocol):
        raise ValueError(f'protocol must be one of {get_args(Protocol)}, got {protocol!r}')
