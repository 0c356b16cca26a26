r"""FSLA, frame-level sound localization accuracy: the share of frames predicted correctly.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_fsla`, which
turns one video into counts that can be added over videos, and :meth:`FSLACounts.scores`.

A frame is correct at a threshold :math:`\alpha`, one of 19, if the sounding objects are correct
(classes and number of masks) and every gt mask has a predicted mask with an IoU above
:math:`\alpha`. Tracks are paired once per video, over all classes, by the alignment of HOTA. Frames
without, with one, and with several gt masks (``FAn``, ``FAs``, ``FAm``) are counted separately:

.. math:: FA = \frac{\sum_{videos} correct}{\sum_{videos} frames}

so ``FA`` is the mean of the three kinds, weighted by their numbers of frames, not a mean over
videos. Empty cases: NaN for a kind without frames.

Defects of the official evaluator, which ``official`` reproduces and ``corrected`` does not have:

- It recognizes a blank mask by the literal ``PPTl0``, which is the blank RLE of an image of 921,600
  pixels (720 x 1280). At any other size a blank mask counts as a prediction.
- The *set* of gt classes must equal the set of classes of all predictions that are not null in
  the frame, including blank masks; ``corrected`` compares the number of masks of each class.
- With one gt mask, the k-th prediction of the frame is tested, where k is found by searching the
  index of the *gt* track among the indices of the paired *predicted* tracks.
- With several, the rank of a gt track among the ids with a mask is used as its index in the list of
  annotations, and the rank of a predicted track as its index among the predictions of the frame.
  Null masks shift these indices, and past the end the evaluator raises an error.

Source: Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025 (arXiv:2310.18709); ``official``
reproduces their evaluator.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import BoolArray, FloatArray, IntArray
from avis.evaluation.functional.assignment import assign
from avis.evaluation.functional.counts import (
    Counts,
    EvalProtocol,
    OfficialEvaluatorError,
    Scores,
    check_protocol,
)
from avis.evaluation.functional.hota import ALPHAS, align_tracks
from avis.evaluation.functional.overlap import Tracks, VideoOverlap

# The official evaluator recognizes the blank RLE of images with this number of pixels only.
BLANK_PIXELS = 921_600
FRAME_KINDS = ('n', 's', 'm')


@dataclass(frozen=True, slots=True)
class FSLACounts(Counts):
    """Frames by kind: without (n), with one (s) or with several (m) gt masks.

    Attributes:
        frames: Number of frames of each kind, (3,).
        correct: Number of correct frames of each kind at each threshold, (3, 19).
    """

    frames: IntArray = field(default_factory=lambda: np.zeros(3, np.int64))
    correct: IntArray = field(default_factory=lambda: np.zeros((3, len(ALPHAS)), np.int64))

    def scores(self) -> Scores:
        """``FA``; per kind ``FAn``, correct frames ``FAn_count``, all frames ``FAn_all``; (19,).

        >>> counts = FSLACounts(np.array([1, 2, 0]), np.array([[1] * 19, [1] * 19, [0] * 19]))
        >>> {name: float(counts.scores()[name][0].round(3)) for name in ('FA', 'FAs', 'FAm')}
        {'FA': 0.667, 'FAs': 0.5, 'FAm': nan}
        """
        scores: Scores = {'FA': _share(self.correct.sum(axis=0), self.frames.sum())}
        for row, kind in enumerate(FRAME_KINDS):
            frames = np.full(len(ALPHAS), self.frames[row])
            scores[f'FA{kind}'] = _share(self.correct[row], frames)
            scores[f'FA{kind}_count'] = self.correct[row]
            scores[f'FA{kind}_all'] = frames
        return scores


def count_fsla(video: VideoOverlap, *, protocol: EvalProtocol = 'official') -> FSLACounts:
    """Count the correct frames of one video, all classes together.

    Args:
        video: Overlaps of all classes, with gt tracks in the order of the annotations and predicted
            tracks in the order of the results; ``official`` depends on this order.
        protocol: ``'official'`` or ``'corrected'``.

    Raises:
        OfficialEvaluatorError: The official evaluator indexes a prediction that the frame does not
            have, and stops.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask, blank = ({'size': [1, 2], 'counts': counts} for counts in (b'02', b'2'))
    >>> gt, pred = TrackMasks([[mask, None]]), TrackMasks([[mask, blank]])
    >>> video = VideoOverlap.from_rles(gt, pred, size=(1, 2), num_frames=2)
    >>> [count_fsla(video, protocol=p).correct[:, 0].tolist() for p in ('official', 'corrected')]
    [[0, 1, 0], [1, 1, 0]]
    """
    check_protocol(protocol)
    if protocol == 'corrected':
        video = video.without_blanks()
        level = _level_corrected(video)
    else:
        level = _level_official(video)
    kinds = np.minimum(video.gt.present.sum(axis=0), 2)
    correct = level[:, None] > ALPHAS  # (T, 19)
    return FSLACounts(
        frames=np.bincount(kinds, minlength=3),
        correct=np.stack([correct[kinds == kind].sum(axis=0) for kind in range(3)]),
    )


def _level_corrected(video: VideoOverlap) -> FloatArray:
    """A frame is correct at every threshold below this value, (T,)."""
    partner, sounding = _partners(video), video.gt.present
    possible = (_count_classes(video.gt, video) == _count_classes(video.pred, video)).all(axis=0)
    gt = np.flatnonzero(partner >= 0)
    gt = gt[video.gt.labels[gt] == video.pred.labels[partner[gt]]]
    iou = np.zeros(sounding.shape)
    iou[gt] = video.iou[:, gt, partner[gt]].T
    worst = np.where(sounding, iou, np.inf).min(axis=0, initial=np.inf)
    return np.where(possible, worst, 0)


def _partners(video: VideoOverlap) -> IntArray:
    """The predicted track paired with each gt track over the whole video, (G,), or -1."""
    gt, pred = (np.flatnonzero(side.ever_present) for side in (video.gt, video.pred))
    rows, columns = assign(align_tracks(video.select(gt, pred)))
    partner = np.full(len(video.gt), -1)
    partner[gt[rows]] = pred[columns]
    return partner


def _level_official(video: VideoOverlap) -> FloatArray:
    """A frame is correct at every threshold below this value, (T,)."""
    # Ranks among the ids with a mask; they equal list indices only if no earlier id lacks a mask.
    gt, pred = (np.flatnonzero(side.ever_present) for side in (video.gt, video.pred))
    gt = gt[np.argsort(video.gt.ids[gt], kind='stable')]
    rows, columns = assign(align_tracks(video.select(gt, pred)))

    given, sounding = video.pred.present, video.gt.present
    blank = given & (video.pred.areas == 0) & (video.size[0] * video.size[1] == BLANK_PIXELS)
    classes = _count_classes(video.gt, video) > 0, _count_classes(video.pred, video) > 0
    number = sounding.sum(axis=0)
    possible = (classes[0] == classes[1]).all(axis=0) & (number == (given & ~blank).sum(axis=0))

    level = np.where(possible & (number == 0), np.inf, 0)
    if not number.any():
        return level
    listed = _Listed(given)
    single = np.flatnonzero(possible & (number == 1))
    gt_index = sounding[:, single].argmax(axis=0)
    index = _indices_in(columns, len(video.gt))[gt_index]
    single, gt_index, index = (values[index >= 0] for values in (single, gt_index, index))
    several = np.flatnonzero(possible & (number > 1))
    listed.check(single, index, several, columns)

    level[single] = video.iou[single, gt_index, listed.tracks[index, single]]
    found = listed.tracks[columns[:, None], several]  # (M, F)
    both_silent = ~sounding[rows[:, None], several] & blank[found, several]
    iou = np.where(both_silent, np.inf, video.iou[several, rows[:, None], found])
    same = video.gt.labels[rows][:, None] == video.pred.labels[found]
    level[several] = np.where(same, iou, 0).min(axis=0, initial=np.inf)
    return level


class _Listed:
    """The predictions of each frame as the official evaluator lists them: without null masks.

    Attributes:
        tracks: The track of the k-th prediction of a frame, (P, T); undefined past the end.
        number: Number of predictions of each frame, (T,).
    """

    def __init__(self, given: BoolArray) -> None:
        self.tracks: IntArray = np.argsort(~given, axis=0, kind='stable')
        self.number: IntArray = given.sum(axis=0)

    def check(
        self, single: IntArray, index: IntArray, several: IntArray, columns: IntArray
    ) -> None:
        """Raise an error for an index past the end, in frames with one or with several gt masks."""
        late = index >= self.number[single]
        causes = {int(frame): 'IndexError: list index out of range' for frame in single[late]}
        for frame in several.tolist():
            number = int(self.number[frame])
            for column in columns[columns >= number][:1].tolist():
                causes[frame] = (
                    f'IndexError: index {column} is out of bounds for axis 0 with size {number}'
                )
        if causes:
            first = min(causes)
            raise OfficialEvaluatorError(
                f'frame {first}: the official evaluator looks for a prediction that the frame does '
                f'not have, because null masks shorten its list. Write blank masks instead of null '
                f'(as the reference models do), or use protocol="corrected"',
                causes[first],
            )


def _indices_in(columns: IntArray, num_gt: int) -> IntArray:
    """Index of each gt index in the list of paired predictions ``columns``, (G,), or -1."""
    indices = np.full(num_gt, -1)
    known = columns < num_gt
    indices[columns[known]] = np.flatnonzero(known)
    return indices


def _count_classes(tracks: Tracks, video: VideoOverlap) -> IntArray:
    """Number of masks of each class in each frame, including blank ones, (K, T)."""
    classes = np.unique(np.concatenate([video.gt.labels, video.pred.labels]))
    return (tracks.labels == classes[:, None]).astype(np.int64) @ tracks.present.astype(np.int64)


def _share(part: IntArray, whole: IntArray) -> NDArray[np.float64]:
    """``part / whole``; NaN where ``whole`` is 0."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
