r"""CLEAR: MOTA and related scores, which count errors frame by frame at one threshold.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_clear`, which
turns one video into counts that can be added over videos, and :meth:`CLEARCounts.scores`.

.. math:: MOTA = 1 - \frac{FN + FP + IDSW}{n^{gt}}

Masks with an IoU of at least 0.5 can be matched. In each frame, pairs that were matched in the
previous frame are kept first, then the sum of IoU is maximized. An identity switch is a match with
another predicted track than in the last match of the gt track. Frames without a gt mask or without
a predicted mask do not count as a previous frame.

Empty cases: without gt masks or without predicted masks all quotients are 0, except ``MLR`` (of one
video), which is 1, and no frame is counted.

Source: Bernardin and Stiefelhagen, *Evaluating Multiple Object Tracking Performance: The CLEAR MOT
Metrics*, 2008; conventions as in TrackEval 1.3.0.
"""

from dataclasses import dataclass, fields

import numpy as np

from avis.evaluation.functional.array_types import IntArray
from avis.evaluation.functional.assignment import assign_frame
from avis.evaluation.functional.counts import EPS, MATCH_IOU, Counts, Scores, ratio
from avis.evaluation.functional.overlap import VideoOverlap

# Added to the weight of a pair that was matched in the previous frame: exceeds any sum of IoU.
KEPT = 1000


@dataclass(frozen=True, slots=True)
class CLEARCounts(Counts):
    """The counts of CLEAR, which are summed over videos, by TrackEval's names.

    Attributes:
        CLR_TP: Matched pairs.
        CLR_FN: GT masks without a match.
        CLR_FP: Predicted masks without a match.
        IDSW: Identity switches.
        MT: GT tracks matched in more than 80 % of their frames.
        PT: GT tracks matched in 20 % to 80 % of their frames.
        ML: Gt tracks matched in less than 20 % of their frames.
        Frag: How often a gt track is matched again after a frame without a match.
        CLR_Frames: Frames of videos that have gt and predicted masks.
        MOTP_sum: IoU of the matched pairs, summed.
    """

    COUNT_FIELDS = ('CLR_TP', 'CLR_FN', 'CLR_FP', 'IDSW', 'MT', 'PT', 'ML', 'Frag', 'CLR_Frames')

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
        gt_dets, pred_dets = self.CLR_TP + self.CLR_FN, self.CLR_TP + self.CLR_FP
        tracks = self.MT + self.PT + self.ML
        switches = np.log10(self.IDSW) if self.IDSW > 0 else 0
        counts = {name.name: np.asarray(getattr(self, name.name)) for name in fields(self)}
        return counts | {
            'MOTA': ratio(self.CLR_TP - self.CLR_FP - self.IDSW, gt_dets),
            'MOTP': ratio(self.MOTP_sum, self.CLR_TP),
            'MODA': ratio(self.CLR_TP - self.CLR_FP, gt_dets),
            'CLR_Re': ratio(self.CLR_TP, gt_dets),
            'CLR_Pr': ratio(self.CLR_TP, pred_dets),
            'MTR': ratio(self.MT, tracks),
            'PTR': ratio(self.PT, tracks),
            'MLR': ratio(self.ML, tracks),
            'sMOTA': ratio(self.MOTP_sum - self.CLR_FP - self.IDSW, gt_dets),
            'CLR_F1': ratio(self.CLR_TP, self.CLR_TP + 0.5 * self.CLR_FN + 0.5 * self.CLR_FP),
            'FP_per_frame': ratio(self.CLR_FP, self.CLR_Frames),
            'MOTAL': ratio(self.CLR_TP - self.CLR_FP - switches, gt_dets),
        }

    def scores_of_video(self) -> Scores:
        """The scores of a single video.

        For a video without gt or without predicted masks TrackEval reports 0 for every quotient,
        MOTA included, and 1 for ``MLR``.

        >>> counts = CLEARCounts(CLR_FP=3)
        >>> float(counts.scores_of_video()['MOTA']), float(counts.scores()['MOTA'])
        (0.0, -3.0)
        """
        scores = self.scores()
        if self.CLR_TP + self.CLR_FN and self.CLR_TP + self.CLR_FP:
            return scores
        undefined = {name: np.asarray(0.0) for name in scores if name not in self.COUNT_FIELDS}
        return scores | undefined | {'MLR': np.asarray(1.0)}


def count_clear(video: VideoOverlap) -> CLEARCounts:
    """Count the CLEAR errors of one video; all tracks are one class.

    Args:
        video: Overlaps of one class, see :meth:`VideoOverlap.of_class`.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask = {'size': [1, 1], 'counts': b'01'}
    >>> gt, pred = TrackMasks([[mask, mask]]), TrackMasks([[mask, None], [None, mask]])
    >>> counts = count_clear(VideoOverlap.from_rles(gt, pred, size=(1, 1), num_frames=2))
    >>> counts.CLR_TP, counts.IDSW, counts.MT, float(counts.scores()['MOTA'])
    (2, 1, 1, 0.5)
    """
    gt_dets, pred_dets = video.gt.num_masks, video.pred.num_masks
    num_tracks = int(video.gt.ever_present.sum())
    if not (gt_dets and pred_dets):
        return CLEARCounts(CLR_FN=gt_dets, CLR_FP=pred_dets, ML=num_tracks if gt_dets else 0)
    frames = np.flatnonzero(video.gt.present.any(axis=0) & video.pred.present.any(axis=0))
    match = _match(video, frames)  # (F, G) predicted track or -1
    hit, gt_track = np.nonzero(match >= 0)
    matched = match[hit, gt_track]
    ratios = ratio((match >= 0).sum(axis=0), video.gt.present.sum(axis=1))
    ratios = ratios[video.gt.ever_present]
    mostly, partly = int((ratios > 0.8).sum()), int((ratios >= 0.2).sum())
    return CLEARCounts(
        CLR_TP=len(matched),
        CLR_FN=gt_dets - len(matched),
        CLR_FP=pred_dets - len(matched),
        IDSW=_count_switches(match),
        MT=mostly,
        PT=partly - mostly,
        ML=num_tracks - partly,
        Frag=_count_fragments(match >= 0),
        CLR_Frames=video.num_frames,
        MOTP_sum=float(video.iou[frames[hit], gt_track, matched].sum()),
    )


def _match(video: VideoOverlap, frames: IntArray) -> IntArray:
    """The predicted track matched with each gt track in each of ``frames``, (F, G), or -1."""
    similar = video.iou[frames] * (video.iou[frames] >= MATCH_IOU - EPS)  # (F, G, P)
    match = np.where(similar.any(axis=2), similar.argmax(axis=2), -1)
    # In a label map at most one mask has an IoU above one half; RLEs may overlap and compete.
    by_gt, by_pred = ((similar > 0).sum(axis=axis) > 1 for axis in (2, 1))
    contested = by_gt.any(axis=1) | by_pred.any(axis=1)
    for row in np.flatnonzero(contested).tolist():
        weights = similar[row].copy()
        if row:
            last = match[row - 1]
            kept = np.flatnonzero((last >= 0) & (weights[np.arange(len(last)), last] > 0))
            weights[kept, last[kept]] += KEPT
        rows, columns = assign_frame(video, int(frames[row]), weights)
        match[row] = -1
        match[row, rows] = columns
    return match


def _count_switches(match: IntArray) -> int:
    """Count matches with another predicted track than in the last match of the gt track."""
    switches = 0
    for track in match.T:
        history = track[track >= 0]
        switches += int((history[1:] != history[:-1]).sum())
    return switches


def _count_fragments(matched: 'np.ndarray') -> int:
    """Count the matched runs (F, G) of each gt track after its first one."""
    before = np.concatenate([np.zeros((1, matched.shape[1]), bool), matched[:-1]])
    starts = (matched & ~before).sum(axis=0)
    return int(np.maximum(starts - 1, 0).sum())
