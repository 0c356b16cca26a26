r"""CLEAR: MOTA and its relatives, which count errors frame by frame at one threshold.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_clear`, which
turns one video into counts that can be added over videos, and :meth:`CLEARCounts.scores`.

.. math:: MOTA = 1 - \frac{FN + FP + IDSW}{n^{true}}

Masks may be matched from IoU 0.5 on. Frame by frame, pairs that were matched in the previous frame
are kept first, then the sum of IoU is maximal. An identity switch is a match with another predicted
track than the last one that the true track was ever matched with. Frames without a true or without
a predicted mask do not count as a previous frame.

Empty cases: without true masks or without predicted masks all quotients are 0, but ``MLR`` (of one
video) is 1, and no frame is counted.

Source: Bernardin and Stiefelhagen, *Evaluating Multiple Object Tracking Performance: The CLEAR MOT
Metrics*, 2008; conventions as in TrackEval 1.3.0.
"""

from dataclasses import dataclass, fields

import numpy as np

from avis.evaluation.functional.assignment import assign_frame
from avis.evaluation.functional.counts import Counts, Scores, ratio
from avis.evaluation.functional.overlap import Ints, VideoOverlap

THRESHOLD = 0.5
EPS = float(np.finfo(float).eps)
# Weight of a pair that was matched in the previous frame: more than IoU can outweigh.
KEPT = 1000
# Fields that are summed, not averaged, over classes.
COUNT_FIELDS = ('CLR_TP', 'CLR_FN', 'CLR_FP', 'IDSW', 'MT', 'PT', 'ML', 'Frag', 'CLR_Frames')


@dataclass(frozen=True, slots=True)
class CLEARCounts(Counts):
    """What CLEAR sums over videos, by TrackEval's names.

    Attributes:
        CLR_TP: Matched pairs.
        CLR_FN: True masks without a match.
        CLR_FP: Predicted masks without a match.
        IDSW: Identity switches.
        MT: True tracks matched in more than 80 % of their frames.
        PT: True tracks matched in 20 % to 80 % of their frames.
        ML: The other true tracks.
        Frag: Times that a true track is matched again after a frame without a match.
        CLR_Frames: Frames of videos that have true and predicted masks.
        MOTP_sum: IoU of the matched pairs, summed.
    """

    CLR_TP: int = 0
    CLR_FN: int = 0
    CLR_FP: int = 0
    IDSW: int = 0
    MT: int = 0
    PT: int = 0
    ML: int = 0
    Frag: int = 0
    CLR_Frames: int = 0
    MOTP_sum: float = 0.0

    def scores(self) -> Scores:
        """Counts and quotients by TrackEval's names.

        >>> counts = CLEARCounts(CLR_TP=6, CLR_FN=2, CLR_FP=1, IDSW=1)
        >>> float(counts.scores()['MOTA'])
        0.5
        """
        true, pred = self.CLR_TP + self.CLR_FN, self.CLR_TP + self.CLR_FP
        tracks = self.MT + self.PT + self.ML
        switches = np.log10(self.IDSW) if self.IDSW > 0 else 0
        counts = {name.name: np.asarray(getattr(self, name.name)) for name in fields(self)}
        return counts | {
            'MOTA': ratio(self.CLR_TP - self.CLR_FP - self.IDSW, true),
            'MOTP': ratio(self.MOTP_sum, self.CLR_TP),
            'MODA': ratio(self.CLR_TP - self.CLR_FP, true),
            'CLR_Re': ratio(self.CLR_TP, true),
            'CLR_Pr': ratio(self.CLR_TP, pred),
            'MTR': ratio(self.MT, tracks),
            'PTR': ratio(self.PT, tracks),
            'MLR': ratio(self.ML, tracks),
            'sMOTA': ratio(self.MOTP_sum - self.CLR_FP - self.IDSW, true),
            'CLR_F1': ratio(self.CLR_TP, self.CLR_TP + 0.5 * self.CLR_FN + 0.5 * self.CLR_FP),
            'FP_per_frame': ratio(self.CLR_FP, self.CLR_Frames),
            'MOTAL': ratio(self.CLR_TP - self.CLR_FP - switches, true),
        }

    def scores_of_video(self) -> Scores:
        """The same for the counts of one video on its own.

        For a video without true or without predicted masks TrackEval reports 0 for every quotient,
        MOTA included, and 1 for ``MLR``.

        >>> ghosts = CLEARCounts(CLR_FP=3)
        >>> float(ghosts.scores_of_video()['MOTA']), float(ghosts.scores()['MOTA'])
        (0.0, -3.0)
        """
        scores = self.scores()
        if self.CLR_TP + self.CLR_FN and self.CLR_TP + self.CLR_FP:
            return scores
        silent = {name: np.asarray(0.0) for name in scores if name not in COUNT_FIELDS}
        return scores | silent | {'MLR': np.asarray(1.0)}


def count_clear(video: VideoOverlap) -> CLEARCounts:
    """Count the CLEAR errors of one video; all tracks count as one class.

    Args:
        video: Overlaps of one class, see :meth:`VideoOverlap.of_class`.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask = {'size': [1, 1], 'counts': b'01'}
    >>> truth, pred = TrackMasks([[mask, mask]]), TrackMasks([[mask, None], [None, mask]])
    >>> counts = count_clear(VideoOverlap.from_rles(truth, pred, size=(1, 1), num_frames=2))
    >>> counts.CLR_TP, counts.IDSW, counts.MT, float(counts.scores()['MOTA'])
    (2, 1, 1, 0.5)
    """
    true, pred = video.gt.num_masks, video.pred.num_masks
    num_tracks = int(video.gt.ever_present.sum())
    if not (true and pred):
        return CLEARCounts(CLR_FN=true, CLR_FP=pred, ML=num_tracks if true else 0)
    frames = np.flatnonzero(video.gt.present.any(axis=0) & video.pred.present.any(axis=0))
    match = _match(video, frames)  # (F, G) predicted track or -1
    hit, true_track = np.nonzero(match >= 0)
    matched = match[hit, true_track]
    ratios = ratio((match >= 0).sum(axis=0), video.gt.present.sum(axis=1))
    ratios = ratios[video.gt.ever_present]
    mostly, partly = int((ratios > 0.8).sum()), int((ratios >= 0.2).sum())
    return CLEARCounts(
        CLR_TP=len(matched),
        CLR_FN=true - len(matched),
        CLR_FP=pred - len(matched),
        IDSW=_count_switches(match),
        MT=mostly,
        PT=partly - mostly,
        ML=num_tracks - partly,
        Frag=_count_fragments(match >= 0),
        CLR_Frames=video.num_frames,
        MOTP_sum=float(video.iou[frames[hit], true_track, matched].sum()),
    )


def _match(video: VideoOverlap, frames: Ints) -> Ints:
    """The predicted track that each true track is matched with in each of ``frames``, or -1."""
    similar = video.iou[frames] * (video.iou[frames] >= THRESHOLD - EPS)  # (F, G, P)
    match = np.where(similar.any(axis=2), similar.argmax(axis=2), -1)
    # Above one half at most one mask of a image matches; RLEs may overlap and compete.
    by_gt, by_pred = ((similar > 0).sum(axis=axis) > 1 for axis in (2, 1))
    contested = by_gt.any(axis=1) | by_pred.any(axis=1)
    for place in np.flatnonzero(contested).tolist():
        weights = similar[place].copy()
        if place:
            last = match[place - 1]
            kept = np.flatnonzero((last >= 0) & (weights[np.arange(len(last)), last] > 0))
            weights[kept, last[kept]] += KEPT
        rows, columns = assign_frame(video, int(frames[place]), weights)
        match[place] = -1
        match[place, rows] = columns
    return match


def _count_switches(match: Ints) -> int:
    """Matches with another predicted track than the last one of the true track."""
    switches = 0
    for track in match.T:
        history = track[track >= 0]
        switches += int((history[1:] != history[:-1]).sum())
    return switches


def _count_fragments(matched: 'np.ndarray') -> int:
    """Beginnings of matched runs of each true track, (F, G), without the first one."""
    before = np.concatenate([np.zeros((1, matched.shape[1]), bool), matched[:-1]])
    starts = (matched & ~before).sum(axis=0)
    return int(np.maximum(starts - 1, 0).sum())
