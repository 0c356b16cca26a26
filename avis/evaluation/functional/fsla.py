r"""FSLA, frame-level sound localisation accuracy: frames in which everything is right.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_fsla`, which
turns one video into counts that can be added over videos, and :meth:`FSLACounts.scores`.

A frame is right at a threshold :math:`\alpha` if who sounds is right (classes and number of masks)
and every true mask has its predicted one with an IoU above :math:`\alpha`, of 19 thresholds. Tracks
are paired once per video, over all classes, by the alignment that HOTA uses. Frames without, with
one, and with several true masks (``FAn``, ``FAs``, ``FAm``) are counted apart:

.. math:: FA = \frac{\sum_{videos} right}{\sum_{videos} frames}

so ``FA`` is the mean of the three kinds, each weighted by its number of frames, and not a mean over
videos. Empty cases: NaN for a kind that no frame is of.

What ``official`` computes instead, and ``corrected`` does not:

- It tells a blank mask by the literal ``PPTl0``, which is the blank RLE of an image of 921,600
  pixels (720 x 1280). At any other size a blank mask counts as a prediction.
- The *set* of true classes must equal the set of classes of all predictions that are not null in
  the frame, blank masks included; ``corrected`` compares how often each class sounds.
- With one true mask, the k-th prediction of the frame is tested, where k is the place of the
  position of the *true* track among the paired *predicted* tracks.
- With several, the rank of a true track among the ids that own a mask is taken for its position in
  the list of annotations, and the rank of a predicted track for its position among the predictions
  of the frame. Null masks shift that position, and past the end the evaluation stops.

Source: Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025 (arXiv:2310.18709); ``official``
as in the evaluator released with it.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.assignment import assign
from avis.evaluation.functional.counts import (
    Counts,
    OfficialEvaluatorError,
    Protocol,
    Scores,
    check_protocol,
)
from avis.evaluation.functional.hota import ALPHAS, align_tracks
from avis.evaluation.functional.overlap import Bools, Floats, Ints, Tracks, VideoOverlap

# The official evaluator looks for the blank RLE of an image of this many pixels.
BLANK_PIXELS = 921_600
KINDS = ('n', 's', 'm')


@dataclass(frozen=True, slots=True)
class FSLACounts(Counts):
    """Frames by kind: without (n), with one (s) and with several (m) true masks.

    Attributes:
        frames: Number of frames of each kind, (3,).
        right: Those that are right at each threshold, (3, 19).
    """

    frames: Ints = field(default_factory=lambda: np.zeros(3, np.int64))
    right: Ints = field(default_factory=lambda: np.zeros((3, len(ALPHAS)), np.int64))

    def scores(self) -> Scores:
        """``FA``, and of each kind ``FAn``, right frames ``FAn_count``, frames ``FAn_all``; (19,).

        >>> counts = FSLACounts(np.array([1, 2, 0]), np.array([[1] * 19, [1] * 19, [0] * 19]))
        >>> {name: float(counts.scores()[name][0].round(3)) for name in ('FA', 'FAs', 'FAm')}
        {'FA': 0.667, 'FAs': 0.5, 'FAm': nan}
        """
        scores: Scores = {'FA': _share(self.right.sum(axis=0), self.frames.sum())}
        for place, kind in enumerate(KINDS):
            frames = np.full(len(ALPHAS), self.frames[place])
            scores[f'FA{kind}'] = _share(self.right[place], frames)
            scores[f'FA{kind}_count'] = self.right[place]
            scores[f'FA{kind}_all'] = frames
        return scores


def count_fsla(video: VideoOverlap, *, protocol: Protocol = 'official') -> FSLACounts:
    """Count the right frames of one video, all classes together.

    Args:
        video: Overlaps of all classes. The order of the true tracks is that of the annotations, and
            the order of the predicted ones that of the results: ``official`` depends on it.
        protocol: ``'official'`` or ``'corrected'``.

    Raises:
        OfficialEvaluatorError: The official evaluator looks for a prediction that the frame does
            not have, and stops.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask, blank = ({'size': [1, 2], 'counts': counts} for counts in (b'02', b'2'))
    >>> truth, pred = TrackMasks([[mask, None]]), TrackMasks([[mask, blank]])
    >>> video = VideoOverlap.from_rles(truth, pred, size=(1, 2), num_frames=2)
    >>> [count_fsla(video, protocol=p).right[:, 0].tolist() for p in ('official', 'corrected')]
    [[0, 1, 0], [1, 1, 0]]
    """
    check_protocol(protocol)
    if protocol == 'corrected':
        video = video.without_blanks()
        level = _level_corrected(video)
    else:
        level = _level_official(video)
    kind = np.minimum(video.gt.present.sum(axis=0), 2)
    right = level[:, None] > ALPHAS  # (T, 19)
    return FSLACounts(
        frames=np.bincount(kind, minlength=3),
        right=np.stack([right[kind == place].sum(axis=0) for place in range(3)]),
    )


def _level_corrected(video: VideoOverlap) -> Floats:
    """A frame is right at every threshold below this, (T,)."""
    partner, sounding = _partners(video), video.gt.present
    right = (_count_classes(video.gt, video) == _count_classes(video.pred, video)).all(axis=0)
    true = np.flatnonzero(partner >= 0)
    true = true[video.gt.labels[true] == video.pred.labels[partner[true]]]
    iou = np.zeros(sounding.shape)
    iou[true] = video.iou[:, true, partner[true]].T
    worst = np.where(sounding, iou, np.inf).min(axis=0, initial=np.inf)
    return np.where(right, worst, 0)


def _partners(video: VideoOverlap) -> Ints:
    """The predicted track paired with each true one over the whole video, (G,), or -1."""
    true, pred = (np.flatnonzero(side.ever_present) for side in (video.gt, video.pred))
    rows, columns = assign(align_tracks(video.select(true, pred)))
    partner = np.full(len(video.gt), -1)
    partner[true[rows]] = pred[columns]
    return partner


def _level_official(video: VideoOverlap) -> Floats:
    """A frame is right at every threshold below this, (T,)."""
    # Ranks of the ids that own a mask: positions in the lists only if nothing is missing before.
    true, pred = (np.flatnonzero(side.ever_present) for side in (video.gt, video.pred))
    true = true[np.argsort(video.gt.ids[true], kind='stable')]
    rows, columns = assign(align_tracks(video.select(true, pred)))

    given, sounding = video.pred.present, video.gt.present
    blank = given & (video.pred.areas == 0) & (video.size[0] * video.size[1] == BLANK_PIXELS)
    heard = _count_classes(video.gt, video) > 0, _count_classes(video.pred, video) > 0
    number = sounding.sum(axis=0)
    possible = (heard[0] == heard[1]).all(axis=0) & (number == (given & ~blank).sum(axis=0))

    level = np.where(possible & (number == 0), np.inf, 0)
    if not number.any():
        return level
    listed = _Listed(given)
    single = np.flatnonzero(possible & (number == 1))
    position = sounding[:, single].argmax(axis=0)
    place = _places(columns, len(video.gt))[position]
    single, position, place = (values[place >= 0] for values in (single, position, place))
    several = np.flatnonzero(possible & (number > 1))
    listed.check(single, place, several, columns)

    level[single] = video.iou[single, position, listed.tracks[place, single]]
    found = listed.tracks[columns[:, None], several]  # (M, F)
    both_silent = ~sounding[rows[:, None], several] & blank[found, several]
    worth = np.where(both_silent, np.inf, video.iou[several, rows[:, None], found])
    same = video.gt.labels[rows][:, None] == video.pred.labels[found]
    level[several] = np.where(same, worth, 0).min(axis=0, initial=np.inf)
    return level


class _Listed:
    """The predictions of each frame as the official evaluator lists them: without nulls.

    Attributes:
        tracks: The track of the k-th prediction of a frame, (P, T); meaningless past the end.
        number: Predictions of each frame, (T,).
    """

    def __init__(self, given: Bools) -> None:
        self.tracks: Ints = np.argsort(~given, axis=0, kind='stable')
        self.number: Ints = given.sum(axis=0)

    def check(self, single: Ints, place: Ints, several: Ints, columns: Ints) -> None:
        """Refuse to look past the end: in frames of one true mask at ``place``, else everywhere."""
        late = place >= self.number[single]
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


def _places(columns: Ints, num_gt: int) -> Ints:
    """Where each true position occurs among the paired predictions, (G,), or -1."""
    places = np.full(num_gt, -1)
    known = columns < num_gt
    places[columns[known]] = np.flatnonzero(known)
    return places


def _count_classes(tracks: Tracks, video: VideoOverlap) -> Ints:
    """Masks of each class of the video in each frame, blank ones included, (K, T)."""
    classes = np.unique(np.concatenate([video.gt.labels, video.pred.labels]))
    return (tracks.labels == classes[:, None]).astype(np.int64) @ tracks.present.astype(np.int64)


def _share(part: Ints, whole: Ints) -> NDArray[np.float64]:
    """``part / whole``, NaN without a whole."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
