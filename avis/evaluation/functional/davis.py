r"""J&F of video object segmentation as DAVIS 2017 scores it, semi-supervised and unsupervised.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`score_sequence`, which
scores one video frame by frame, and :func:`pool_objects`. J is the IoU of an object in a frame, 1
if it is absent from both sides; F compares boundaries, see
:func:`~avis.evaluation.functional.region_boundary.boundary_f`. Scores are means over the objects
of all videos, so a video with many objects counts more.

Source: Pont-Tuset et al., *The 2017 DAVIS Challenge on Video Object Segmentation*
(arXiv:1704.00675); Caelles et al., *The 2019 DAVIS Challenge on VOS: Unsupervised Multi-Object
Segmentation* (arXiv:1905.00737); conventions as in davis2017-evaluation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import BoolArray, FloatArray
from avis.evaluation.functional.assignment import assign
from avis.evaluation.functional.counts import EvalProtocol, check_protocol
from avis.evaluation.functional.region_boundary import boundary_f, decay

VOID = 255
MAX_PROPOSALS = 20

# ``semi_supervised``: the output has the indices of the ground truth, which are given in the first
# frame; the first and the last frame are not scored. ``unsupervised``: any indices, all frames.
DAVISTask: TypeAlias = Literal['semi_supervised', 'unsupervised']
Frame: TypeAlias = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class ObjectScores:
    """The scores of one object in the scored frames of its video.

    Attributes:
        jaccard: J of each frame, (T,).
        boundary: F of each frame, (T,).
    """

    jaccard: FloatArray
    boundary: FloatArray

    def summary(self, *, protocol: EvalProtocol = 'official') -> dict[str, float]:
        """Mean, recall and decay of J and F by the names of DAVIS (``J_mean``)."""
        scores: dict[str, float] = {}
        for letter, values in (('J', self.jaccard), ('F', self.boundary)):
            scores |= {
                f'{letter}_{name}': value
                for name, value in frame_statistics(values, protocol=protocol).items()
            }
        return scores


def score_sequence(
    frames: Iterable[Frame],
    *,
    num_frames: int,
    task: DAVISTask = 'semi_supervised',
    protocol: EvalProtocol = 'official',
) -> dict[int, ObjectScores]:
    """Score one video.

    ``official``: the objects are 1 up to the highest index of the first frame, so an object that
    enters later is not scored. Void pixels count as background if semi-supervised. ``corrected``:
    every object of the video, without void pixels.

    Args:
        frames: Ground truth and output of each frame, integer (H, W): 0 is background, ``VOID`` in
            the ground truth is not scored. An iterator needs the memory of one frame only.
        num_frames: Number of frames.
        task: ``'semi_supervised'`` or ``'unsupervised'``.
        protocol: ``'official'`` or ``'corrected'``.

    Returns:
        Scores by index of the object, ascending; ``official`` unsupervised numbers the objects in
        the order of the proposals that they are paired with.

    Raises:
        ValueError: The sizes differ; the output has an index above the number of objects
            (``official``, semi-supervised); more than 20 proposals (unsupervised).

    >>> gt = np.array([[0, 1, 1, 1]])
    >>> frames = [(gt, gt), (gt, np.array([[0, 0, 1, 1]])), (gt, gt)]
    >>> score_sequence(frames, num_frames=3)[1].jaccard.round(3)
    array([0.667])
    """
    check_protocol(protocol)
    score = _score_unsupervised if task == 'unsupervised' else _score_semi_supervised
    return score(frames, num_frames, official=protocol == 'official')


def frame_statistics(
    values: FloatArray, *, protocol: EvalProtocol = 'official'
) -> dict[str, float]:
    """Mean of the values of an object, share above 0.5, and first minus last quarter.

    Neighboring quarters share a frame. ``official`` wraps frame numbers at 256, so that the decay
    of a longer video is NaN or compares other parts; ``corrected`` does not.

    >>> frame_statistics(np.array([1.0, 0.5, 0.5, 0.0]))
    {'mean': 0.5, 'recall': 0.25, 'decay': 0.5}
    """
    check_protocol(protocol)
    return {
        'mean': float(values.mean()),
        'recall': float((values > 0.5).mean()),
        'decay': float(decay(values[None], wrap=protocol == 'official')[0]),
    }


def pool_objects(
    videos: Mapping[str, Mapping[int, ObjectScores]], *, protocol: EvalProtocol = 'official'
) -> dict[str, float]:
    """Means over the objects of all videos; ``J&F`` is the mean of ``J_mean`` and ``F_mean``.

    >>> scores = ObjectScores(np.array([0.5]), np.array([0.7]))
    >>> pool_objects({'video': {1: scores}})['J&F']
    0.6
    """
    rows = [
        scores.summary(protocol=protocol) for video in videos.values() for scores in video.values()
    ]
    if not rows:
        return {'J&F': np.nan}
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return {'J&F': (means['J_mean'] + means['F_mean']) / 2, **means}


def _score_semi_supervised(
    frames: Iterable[Frame], num_frames: int, *, official: bool
) -> dict[int, ObjectScores]:
    """Objects are known by the first frame (official) or found on the way."""
    known: set[int] = set()
    values: dict[int, dict[int, tuple[float, float]]] = {}
    for index, (gt, pred) in enumerate(frames):
        void = _check_frame(gt, pred, index)
        if official:
            if index == 0:
                known = set(range(1, int(gt[~void].max(initial=0)) + 1))
            _check_indices(pred, len(known), index)
        else:
            known |= set(_indices(gt[~void]))
        if index in (0, num_frames - 1):
            continue
        left_out = np.zeros_like(void) if official else void
        for number in set(_indices(gt[~void])) | set(_indices(pred[~left_out])):
            pair = (pred == number) & ~left_out, (gt == number) & ~left_out
            values.setdefault(number, {})[index] = (jaccard(*pair), boundary_f(*pair))
    scored = range(1, num_frames - 1)
    # An object that is absent from both sides has J = F = 1.
    rows = {
        number: [values.get(number, {}).get(index, (1.0, 1.0)) for index in scored]
        for number in sorted(known)
    }
    return {number: ObjectScores(*np.array(row).reshape(-1, 2).T) for number, row in rows.items()}


class _ProposalTable:
    """J and F of each object with each proposal in every frame; index 0 is an empty mask."""

    def __init__(self) -> None:
        self.values: dict[tuple[int, int], dict[int, tuple[float, float]]] = {}

    def add(self, index: int, gt: NDArray[Any], pred: NDArray[Any]) -> None:
        """Score a frame, given as label maps without void pixels."""
        empty = np.zeros(gt.shape, bool)
        sides = [
            {0: empty, **{number: labels == number for number in _indices(labels)}}
            for labels in (gt, pred)
        ]
        for number, mask in sides[0].items():
            for proposal, found in sides[1].items():
                scores = (jaccard(found, mask), boundary_f(found, mask))
                self.values.setdefault((number, proposal), {})[index] = scores

    def build(self, objects: Sequence[int], num_proposals: int, num_frames: int) -> FloatArray:
        """The scores, (proposals, objects, T, 2)."""
        table = np.ones((num_proposals, len(objects), num_frames, 2))
        for row in range(num_proposals):
            for column, number in enumerate(objects):
                # Later pairs overwrite those with an empty side, which stand for absence.
                for pair in ((0, 0), (number, 0), (0, row + 1), (number, row + 1)):
                    for index, scores in self.values.get(pair, {}).items():
                        table[row, column, index] = scores
        return table


def _score_unsupervised(
    frames: Iterable[Frame], num_frames: int, *, official: bool
) -> dict[int, ObjectScores]:
    """Pair objects with proposals so that the mean of J and F is maximal."""
    objects: set[int] = set()
    highest, pairs = 0, _ProposalTable()
    for index, (gt, pred) in enumerate(frames):
        void = _check_frame(gt, pred, index)
        highest = max(highest, int(pred.max(initial=0)))
        gt, pred = (np.where(void, 0, image) for image in (gt, pred))
        if not official:
            objects |= set(_indices(gt))
        elif index == 0:
            objects = set(range(1, int(gt.max(initial=0)) + 1))
        pairs.add(index, gt, pred)
    if highest > MAX_PROPOSALS:
        raise ValueError(f'expected at most {MAX_PROPOSALS} proposals, got the index {highest}')
    numbers = sorted(objects)
    table = pairs.build(numbers, max(highest, len(numbers)), num_frames)
    rows, columns = assign(table.mean(axis=(2, 3)))
    scores = [ObjectScores(*table[pair].T) for pair in zip(rows, columns, strict=True)]
    # The official scorer numbers the objects in the order of their proposals.
    keys = range(1, len(scores) + 1) if official else (numbers[c] for c in columns.tolist())
    return dict(sorted(zip(keys, scores, strict=True)))


def _check_frame(gt: NDArray[Any], pred: NDArray[Any], index: int) -> BoolArray:
    """Check the sizes of a frame; returns its void pixels."""
    if gt.shape != pred.shape or gt.ndim != 2:
        raise ValueError(f'frame {index}: expected two (H, W), got {gt.shape} and {pred.shape}')
    void: BoolArray = gt == VOID
    return void


def _check_indices(pred: NDArray[Any], num_objects: int, index: int) -> None:
    highest = int(pred.max(initial=0))
    if highest > num_objects:
        raise ValueError(
            f'frame {index}: output index {highest}, but the first frame has {num_objects} objects'
        )


def _indices(labels: NDArray[Any]) -> Sequence[int]:
    """The indices other than background, ascending."""
    return [number for number in np.unique(labels).tolist() if number]


def jaccard(pred: BoolArray, gt: BoolArray) -> float:
    """IoU of two masks, 1 if both are empty.

    >>> jaccard(np.array([True, False]), np.array([True, True]))
    0.5
    """
    union = np.count_nonzero(pred | gt)
    return float(np.count_nonzero(pred & gt) / union) if union else 1.0
