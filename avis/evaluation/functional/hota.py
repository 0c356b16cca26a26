r"""HOTA and its components: detection, association and localization at 19 thresholds.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`count_hota`, which
turns one video into sums that can be added over videos, and :meth:`HOTACounts.scores`.

Formulas, for each threshold :math:`\alpha` on the IoU of a mask pair:

.. math::
    DetA = \frac{TP}{TP + FN + FP}, \quad
    AssA = \frac{1}{TP} \sum_{c \in TP} \frac{M_c}{n_c^{gt} + n_c^{pred} - M_c}, \quad
    HOTA = \sqrt{DetA \cdot AssA}

where :math:`M_c` is the number of frames in which the two tracks of the pair :math:`c` are matched,
and :math:`n_c` the number of frames in which each of them has a mask. Masks are paired once for all
thresholds, by IoU times the alignment of their tracks over the whole video.

Empty cases: a quotient with denominator 0 is 0, hence HOTA is 0 without a match, even if there are
no masks at all; LocA, the mean IoU of matched pairs, is then 1.

Source: Luiten et al., *HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking*, IJCV 2020
(arXiv:2009.07736); conventions as in TrackEval 1.3.0.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from avis.evaluation.functional.array_types import FloatArray, IntArray
from avis.evaluation.functional.assignment import assign_frames
from avis.evaluation.functional.counts import EPS, Counts, Scores, ratio
from avis.evaluation.functional.overlap import VideoOverlap

ALPHAS: FloatArray = np.arange(0.05, 0.99, 0.05)


def _zeros() -> FloatArray:
    return np.zeros(len(ALPHAS))


@dataclass(frozen=True, slots=True)
class HOTACounts(Counts):
    """The sums of HOTA; all fields but the first two have one value per threshold, (19,).

    Attributes:
        gt_dets: Number of gt masks.
        pred_dets: Number of predicted masks.
        tp: Number of matched pairs.
        loc: IoU of the matched pairs, summed.
        ass: The association score :math:`M / (n^{gt} + n^{pred} - M)` of their tracks, summed.
        ass_re: :math:`M / n^{gt}`, summed.
        ass_pr: :math:`M / n^{pred}`, summed.
    """

    COUNT_FIELDS = ('HOTA_TP', 'HOTA_FN', 'HOTA_FP')

    gt_dets: Any = 0
    pred_dets: Any = 0
    tp: FloatArray = field(default_factory=_zeros)
    loc: FloatArray = field(default_factory=_zeros)
    ass: FloatArray = field(default_factory=_zeros)
    ass_re: FloatArray = field(default_factory=_zeros)
    ass_pr: FloatArray = field(default_factory=_zeros)

    def scores(self) -> Scores:
        """The HOTA scores by TrackEval's names: (19,); those at alpha 0.05 are one number.

        >>> counts = HOTACounts(gt_dets=4, pred_dets=2, tp=np.full(19, 2.0), ass=np.full(19, 1.0))
        >>> [float(counts.scores()[name][0]) for name in ('HOTA', 'DetRe')]
        [0.5, 0.5]
        """
        det_a = ratio(self.tp, self.gt_dets + self.pred_dets - self.tp)
        det_re = ratio(self.tp, self.gt_dets)
        ass_a = ratio(self.ass, self.tp)
        hota = np.sqrt(det_a * ass_a)
        loc_a = np.where(self.tp > 0, self.loc / np.maximum(self.tp, 1), 1.0)
        return {
            'HOTA': hota,
            'DetA': det_a,
            'AssA': ass_a,
            'DetRe': det_re,
            'DetPr': ratio(self.tp, self.pred_dets),
            'AssRe': ratio(self.ass_re, self.tp),
            'AssPr': ratio(self.ass_pr, self.tp),
            'LocA': loc_a,
            'OWTA': np.sqrt(det_re * ass_a),
            'HOTA_TP': self.tp,
            'HOTA_FN': self.gt_dets - self.tp,
            'HOTA_FP': self.pred_dets - self.tp,
            'HOTA(0)': np.asarray(hota[0]),
            'LocA(0)': np.asarray(loc_a[0]),
            'HOTALocA(0)': np.asarray(hota[0] * loc_a[0]),
        }


def align_tracks(video: VideoOverlap) -> FloatArray:
    r"""Alignment of each gt and each predicted track over the whole video, (G, P).

    .. math:: A = \frac{P}{n^{gt} + n^{pred} - P}, \quad
        P_{ij} = \sum_t \frac{s_{ij}}{\sum_k s_{ik} + \sum_k s_{kj} - s_{ij}}

    with the IoU :math:`s` and the number :math:`n` of masks of a track, including blank ones. It is
    0 for tracks that never overlap.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask = {'size': [1, 1], 'counts': b'01'}
    >>> gt, pred = TrackMasks([[mask, mask]]), TrackMasks([[mask, None], [None, mask]])
    >>> align_tracks(VideoOverlap.from_rles(gt, pred, size=(1, 1), num_frames=2))
    array([[0.5, 0.5]])
    """
    share = _share_overlap(video)
    # Summed frame by frame: another order could differ in the last bit and decide a tie.
    overlap = share.cumsum(axis=0)[-1] if len(share) else np.zeros(share.shape[1:])
    masks = video.gt.present.sum(axis=1)[:, None] + video.pred.present.sum(axis=1)
    return overlap / np.maximum(masks - overlap, 1)


def _share_overlap(video: VideoOverlap) -> FloatArray:
    """IoU of each pair of masks divided by the IoU sum of all pairs with one of them, (T, G, P)."""
    iou = video.iou
    if max(iou.shape[1:], default=0) < 8:
        both = iou.sum(axis=1, keepdims=True) + iou.sum(axis=2, keepdims=True) - iou
        return np.divide(iou, both, out=np.zeros_like(iou), where=both > EPS)
    # The order in which NumPy sums eight or more numbers depends on their memory layout. Ties of
    # alignment are decided as in TrackEval only if all bits agree, hence its layout.
    share = np.zeros_like(iou)
    for frame, present in enumerate(zip(video.gt.present.T, video.pred.present.T, strict=True)):
        block = np.ix_(*present)
        part = np.asfortranarray(iou[frame][block])
        both = part.sum(axis=0)[None, :] + part.sum(axis=1)[:, None] - part
        share[frame][block] = np.divide(part, both, out=np.zeros_like(part), where=both > EPS)
    return share


def count_hota(video: VideoOverlap) -> HOTACounts:
    """Count one video for HOTA; all tracks are one class.

    One assignment per frame serves all thresholds, and only frames with competing masks need it.

    Args:
        video: Overlaps of one class, see :meth:`VideoOverlap.of_class`.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask = {'size': [1, 1], 'counts': b'01'}
    >>> gt, pred = TrackMasks([[mask, mask]]), TrackMasks([[mask, None], [None, mask]])
    >>> video = VideoOverlap.from_rles(gt, pred, size=(1, 1), num_frames=2)
    >>> scores = count_hota(video).scores()
    >>> [float(scores[name].mean().round(3)) for name in ('HOTA', 'DetA', 'AssA')]
    [0.707, 1.0, 0.5]
    """
    frames, gt, pred = assign_frames(video, align_tracks(video) * video.iou)
    iou = video.iou[frames, gt, pred]
    passed = iou[:, None] >= ALPHAS - EPS  # (M, 19)
    tp = passed.sum(axis=0).astype(float)
    matches = _count_matches(gt * len(video.pred) + pred, passed, video)
    n_gt = video.gt.present.sum(axis=1)[:, None, None]
    n_pred = video.pred.present.sum(axis=1)[:, None]

    def sum_pairs(whole: IntArray) -> FloatArray:
        sums: FloatArray = (matches * ratio(matches, whole)).sum(axis=(0, 1))
        return sums

    return HOTACounts(
        gt_dets=video.gt.num_masks,
        pred_dets=video.pred.num_masks,
        tp=tp,
        loc=(iou[:, None] * passed).sum(axis=0),
        ass=sum_pairs(n_gt + n_pred - matches),
        ass_re=sum_pairs(n_gt),
        ass_pr=sum_pairs(n_pred),
    )


def _count_matches(pair: IntArray, passed: 'np.ndarray', video: VideoOverlap) -> IntArray:
    """Number of matched frames of every pair of tracks at every threshold, (G, P, 19)."""
    shape = len(video.gt), len(video.pred), len(ALPHAS) + 1
    # A match that passes k thresholds passes the k lowest ones.
    levels = np.bincount(pair * shape[2] + passed.sum(axis=1), minlength=int(np.prod(shape)))
    return levels.reshape(shape)[..., ::-1].cumsum(axis=-1)[..., -2::-1]
