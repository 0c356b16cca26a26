"""Base class of counts that are summed over videos, and means over classes.

Every score of a set of videos is computed from sums of counts, in any order and any split, so each
rank or worker process counts its share of the videos. Fields of results have the names of TrackEval
(``HOTA``, ``IDF1``, ``CLR_TP``); values are counts or in 0..1, never in percent.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import FloatArray
from avis.evaluation.functional.overlap import VideoOverlap

EvalProtocol: TypeAlias = Literal['official', 'corrected']
EPS = float(np.finfo(float).eps)
# Lowest IoU at which CLEAR and Identity match two masks: TrackEval's default.
MATCH_IOU = 0.5
# Scores by name: arrays over thresholds, or 0-dimensional arrays.
Scores: TypeAlias = dict[str, NDArray[Any]]
Self = TypeVar('Self', bound='Counts')


class OfficialEvaluatorError(RuntimeError):
    """The official evaluator raises an error on this input, so there is no official score.

    Attributes:
        cause: The error of the official evaluator.

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
    """Base class of the counts of a metric: fields are numbers or arrays, and default to zero.

    ``COUNT_FIELDS`` names the scores that are summed over classes, not averaged.
    """

    COUNT_FIELDS: ClassVar[tuple[str, ...]] = ()

    def __add__(self: Self, other: Self) -> Self:
        names = [field.name for field in fields(self)]
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def scores(self) -> Scores:
        """The scores by name, computed from the counts."""
        raise NotImplementedError(f'{type(self).__name__} does not define scores')

    @classmethod
    def total(cls: type[Self], parts: Iterable[Self]) -> Self:
        """The sum of the parts; zero without parts."""
        return reduce(lambda left, right: left + right, parts, cls())


@dataclass(frozen=True, slots=True)
class MaskCounts(Counts):
    """Numbers of masks (detections) and tracks (ids), TrackEval's metric ``Count``.

    >>> (MaskCounts(gt_dets=2, gt_ids=1) + MaskCounts(gt_dets=3)).scores()['GT_Dets']
    array(5)
    """

    COUNT_FIELDS = ('Dets', 'GT_Dets', 'IDs', 'GT_IDs')

    gt_dets: int = 0
    gt_ids: int = 0
    pred_dets: int = 0
    pred_ids: int = 0

    def scores(self) -> Scores:
        """The counts by TrackEval's names."""
        names = {
            'Dets': self.pred_dets,
            'GT_Dets': self.gt_dets,
            'IDs': self.pred_ids,
            'GT_IDs': self.gt_ids,
        }
        return {name: np.asarray(value) for name, value in names.items()}


def count_masks(video: VideoOverlap) -> MaskCounts:
    """Count the masks, including blank ones, and the tracks that have a mask."""
    return MaskCounts(
        gt_dets=video.gt.num_masks,
        gt_ids=int(video.gt.ever_present.sum()),
        pred_dets=video.pred.num_masks,
        pred_ids=int(video.pred.ever_present.sum()),
    )


def average_classes(classes: Sequence[Scores], *, summed: Collection[str] = ()) -> Scores:
    """Mean of every field over classes.

    Args:
        classes: Scores of each class, all with the same fields.
        summed: Fields that are counts; they are summed instead.

    Returns:
        The scores; empty without any class.

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


def mean_of_known(values: FloatArray, axis: int) -> FloatArray:
    """Mean along an axis without NaN; NaN where all values are NaN.

    >>> mean_of_known(np.array([[1.0, np.nan], [3.0, np.nan]]), axis=0)
    array([ 2., nan])
    """
    known = ~np.isnan(values)
    total, number = np.where(known, values, 0).sum(axis=axis), known.sum(axis=axis)
    mean: FloatArray = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return mean


def ratio(part: Any, whole: Any) -> NDArray[np.float64]:
    """``part / max(1, whole)``, which is 0 where ``whole`` is 0.

    >>> ratio(np.array([1, 0]), np.array([2, 0]))
    array([0.5, 0. ])
    """
    quotient: NDArray[np.float64] = np.asarray(part / np.maximum(1, whole), np.float64)
    return quotient


def protocol_of(videos: Iterable[Any]) -> EvalProtocol:
    """The protocol that all videos have in common.

    Raises:
        ValueError: There is no video, or the protocols of the videos differ.
    """
    protocols: set[EvalProtocol] = {video.protocol for video in videos}
    if len(protocols) != 1:
        raise ValueError(f'expected videos of one protocol, got {sorted(protocols)}')
    return protocols.pop()


def check_protocol(protocol: str) -> None:
    """Raise an error for an unknown protocol."""
    if protocol not in get_args(EvalProtocol):
        raise ValueError(f'protocol must be one of {get_args(EvalProtocol)}, got {protocol!r}')
