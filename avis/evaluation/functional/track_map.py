r"""TrackMAP: average precision and recall of whole tracks (YouTube-VIS, OVIS, AVISeg).

NumPy only: no torch, no mmengine, no I/O. Start reading at :func:`match_tracks`, which matches the
tracks of one class in one video, and :func:`score_matches`, which turns the matches of all videos
into AP and AR. Of a video only the scores and matches of its predicted tracks are kept.

The IoU of two tracks is computed over the whole video; a frame in which only one of them has a mask
adds to the union:

.. math:: IoU = \frac{\sum_t |P_t \cap G_t|}{\sum_t |P_t \cup G_t|}

In each video the predicted tracks of a class, best score first, are matched with the unmatched gt
track of highest IoU at or above the threshold. Crowds and gt tracks outside of the size range are
matched only if no other is left, and a prediction matched with one is ignored; so is an unmatched
prediction whose own size is outside of the range. Over all videos, best score first, precision is
made monotone and averaged at 101 recalls.

Empty cases: without a gt track in the range AP and AR of a class are NaN; without a prediction
they are 0.

Source: Yang et al., *Video Instance Segmentation*, ICCV 2019 (arXiv:1905.04804); conventions as in
TrackEval, from which the evaluator of AVISeg derives, or as in the evaluator of YouTube-VIS, see
:class:`MatchRules`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avis.evaluation.functional.array_types import BoolArray, FloatArray, IntArray
from avis.evaluation.functional.counts import EPS, Scores, mean_of_known
from avis.evaluation.functional.overlap import VideoOverlap

RECALLS: FloatArray = np.linspace(0, 1, 101)
# Mean area of a track in pixels; both ends belong to the range.
AREA_RANGES: Mapping[str, tuple[float, float]] = {
    'all': (0, np.inf),
    'area_s': (0, 128**2),
    'area_m': (128**2, 256**2),
    'area_l': (256**2, 1e10),
}
SPACING = float(np.spacing(1))


@dataclass(frozen=True)
class MatchRules:
    """The rules of track matching in which evaluators differ.

    Attributes:
        thresholds: Thresholds of the track IoU, ascending, (K,).
        slack: How much an IoU may be below a threshold, or below the best IoU so far.
        reuse_crowds: Whether a gt track that marks a crowd may be matched many times.
    """

    thresholds: FloatArray
    slack: float
    reuse_crowds: bool


# 0.50, 0.55 ... 0.95, each rounded once.
EXACT_RULES = MatchRules(np.arange(50, 100, 5) / 100, EPS, False)
# np.arange accumulates rounding errors that the slack does not always cover: an IoU of exactly 0.95
# does not pass the last threshold.
TRACKEVAL_RULES = MatchRules(np.arange(0.5, 0.96, 0.05), EPS, False)
YOUTUBE_VIS_RULES = MatchRules(np.linspace(0.5, 0.95, 10), 0.0, True)


@dataclass(frozen=True, slots=True)
class TrackMatches:
    """The predicted tracks of one class in one video: R size ranges, D tracks, K thresholds.

    Attributes:
        scores: Descending, (D,).
        matched: True if the track is matched with a gt track, (R, D, K).
        ignored: True if the track does not count, (R, D, K).
        num_gt: Number of gt tracks that count, (R,).
        as_first: The matches if the very first track of the video, of any class, left its gt track
            free for others; None if they are the same. The evaluator of AVISeg numbers the
            predicted tracks of all videos from 0 on, and treats a gt track as matched only if that
            number is greater than 0.
    """

    scores: FloatArray
    matched: BoolArray
    ignored: BoolArray
    num_gt: IntArray
    as_first: 'TrackMatches | None' = None


def match_tracks(
    video: VideoOverlap,
    label: int,
    *,
    rules: MatchRules = EXACT_RULES,
    unseen: BoolArray | None = None,
) -> TrackMatches:
    """Match the predicted tracks of one class with its gt tracks, best score first.

    Args:
        video: Overlaps of all classes.
        label: The class.
        rules: The thresholds and rules of an evaluator.
        unseen: True for gt tracks of which a match is not noted: the prediction counts as
            unmatched, and the gt track as matched, (G,).

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> full, half = ({'size': [1, 2], 'counts': counts} for counts in (b'02', b'011'))
    >>> gt, pred = TrackMasks([[full, full]]), TrackMasks([[full, half]], scores=[0.9])
    >>> video = VideoOverlap.from_rles(gt, pred, size=(1, 2), num_frames=2)
    >>> match_tracks(video, 0).matched[0, 0].astype(int)  # the IoU is 3 / 4
    array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    """
    gt = np.flatnonzero(video.gt.labels == label)
    pred = np.flatnonzero(video.pred.labels == label)
    pred = pred[np.argsort(-video.pred.scores[pred], kind='stable')]
    part = video.select(gt, pred)
    iou = track_iou(part)
    out_gt, out_pred = _outside(part.gt.sizes) | part.gt.crowd, _outside(part.pred.sizes)
    scores, num_gt = part.pred.scores, (~out_gt).sum(axis=1)

    def matches(unlimited: int | None) -> tuple[BoolArray, BoolArray]:
        assigned = _match(iou, out_gt, part.gt.crowd & rules.reuse_crowds, rules, unlimited)
        matched = assigned >= 0
        in_ignored = np.take_along_axis(np.pad(out_gt, ((0, 0), (0, 1)))[:, None], assigned, axis=2)
        if unseen is not None:
            noted = matched & ~np.pad(unseen[gt], (0, 1))[assigned]
            return noted, (matched & in_ignored) | (~noted & out_pred[:, :, None])
        return matched, np.where(matched, in_ignored, out_pred[:, :, None])

    first = np.flatnonzero(pred == 0)
    as_first = None
    # The first track matters only if another one can be matched with the same gt track.
    if len(first) and ((iou >= rules.thresholds[0] - rules.slack).sum(axis=0) > 1).any():
        as_first = TrackMatches(scores, *matches(int(first[0])), num_gt)
    return TrackMatches(scores, *matches(None), num_gt, as_first)


def track_iou(video: VideoOverlap) -> FloatArray:
    """IoU of every predicted and gt track over all frames, (P, G); 0 for blank tracks."""
    shared = video.intersections.sum(axis=0)
    union = video.gt.areas.sum(axis=1)[:, None] + video.pred.areas.sum(axis=1) - shared
    iou: FloatArray = (shared / np.maximum(union, 1)).T
    return iou


def score_matches(
    videos: Sequence[TrackMatches | None],
    *,
    max_detections: int | None = None,
) -> Scores:
    """Average precision and recall of one class.

    Args:
        videos: The matches of each video, or None where the class has no track. Predictions of
            equal score keep the order of the videos.
        max_detections: Number of predictions per video that count, best first; None for all.

    Returns:
        ``AP_<range>`` and ``AR_<range>``, (K,) each.
    """
    known = [video for video in videos if video is not None]
    found = [video.scores[:max_detections] for video in known]
    order = np.argsort(-np.concatenate([np.zeros(0), *found]), kind='stable')
    empty = np.zeros((len(AREA_RANGES), 0, len(EXACT_RULES.thresholds)), bool)
    matched, ignored = (
        np.concatenate([empty, *parts], axis=1)[:, order].transpose(0, 2, 1)  # (R, K, D)
        for parts in (
            [video.matched[:, :max_detections] for video in known],
            [video.ignored[:, :max_detections] for video in known],
        )
    )
    hits, misses = (matched & ~ignored).cumsum(axis=2), (~matched & ~ignored).cumsum(axis=2)
    scores: Scores = {}
    for row, name in enumerate(AREA_RANGES):
        gt = sum(int(video.num_gt[row]) for video in known)
        curves = _average_precision(hits[row], misses[row], gt)
        scores[f'AP_{name}'], scores[f'AR_{name}'] = curves
    return scores


def average_classes_found(classes: Sequence[Scores]) -> Scores:
    """Mean of every field over the classes for which it is not NaN; NaN without such a class.

    >>> classes = [{'AP_all': np.array([1.0, np.nan])}, {'AP_all': np.array([0.5, np.nan])}]
    >>> average_classes_found(classes)
    {'AP_all': array([0.75,  nan])}
    """
    names = classes[0] if classes else ()
    return {
        name: mean_of_known(np.stack([scores[name] for scores in classes]), axis=0)
        for name in names
    }


def _outside(sizes: FloatArray) -> BoolArray:
    """True for tracks outside of each size range, (R, N)."""
    low, high = np.array(list(AREA_RANGES.values())).T[..., None]
    return (sizes < low - EPS) | (sizes > high + EPS)


def _match(
    iou: FloatArray,
    ignored: BoolArray,
    reusable: BoolArray,
    rules: MatchRules,
    unlimited: int | None,
) -> IntArray:
    """The gt track matched with each prediction, (R, D, K), or -1.

    Args:
        iou: (D, G), best prediction first.
        ignored: GT tracks that do not count, (R, G).
        reusable: GT tracks that may be matched many times, (G,).
        rules: Thresholds and slack.
        unlimited: Index of a prediction that leaves its gt track free for others; None for no one.
    """
    shape = len(ignored), len(rules.thresholds)
    assigned = np.full((shape[0], len(iou), shape[1]), -1)
    used = np.zeros((*shape, iou.shape[1]), bool)
    needed = np.broadcast_to(np.minimum(rules.thresholds, 1 - 1e-10), shape)
    for index, row in enumerate(iou):
        best, choice = needed, np.full(shape, -1)
        for second in (False, True):  # first gt tracks that count, then ignored ones
            open_ = choice < 0
            for track in np.flatnonzero(row >= rules.thresholds[0] - rules.slack).tolist():
                allowed = open_ & ~used[..., track] & (ignored[:, track] == second)[:, None]
                better = allowed & (row[track] >= best - rules.slack)  # the later one of equal IoU
                best, choice = np.where(better, row[track], best), np.where(better, track, choice)
        assigned[:, index] = choice
        if index != unlimited:
            rows, columns = np.nonzero(choice >= 0)
            tracks = choice[rows, columns]
            used[rows, columns, tracks] = ~reusable[tracks]
    return assigned


def _average_precision(hits: IntArray, misses: IntArray, gt: int) -> tuple[FloatArray, FloatArray]:
    """AP at 101 recalls, and the final recall, (K,) each, from cumulative counts (K, D)."""
    if not gt:
        return np.full(len(hits), np.nan), np.full(len(hits), np.nan)
    if not hits.shape[1]:
        return np.zeros(len(hits)), np.zeros(len(hits))
    recall = hits / gt
    precision = hits / (hits + misses + SPACING)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    precision = np.pad(precision, ((0, 0), (0, 1)))  # 0 past the end
    first = [np.searchsorted(row, RECALLS, side='left') for row in recall]
    return np.take_along_axis(precision, np.stack(first), axis=1).mean(axis=1), recall[:, -1]
