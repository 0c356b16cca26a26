r"""TrackMAP: average precision and recall of whole tracks (YouTube-VIS, OVIS, AVISeg).

NumPy only: no torch, no mmengine, no I/O. Start reading at :func:`match_tracks`, which matches the
tracks of one class in one video, and :func:`score_matches`, which turns the matches of all videos
into AP and AR. Of a video only its detections' scores and matches are kept.

The IoU of two tracks is taken over the whole video; a frame in which only one of them has a mask
adds to the union:

.. math:: IoU = \frac{\sum_t |P_t \cap G_t|}{\sum_t |P_t \cup G_t|}

In each video the predicted tracks of a class, best score first, take the free true track of highest
IoU at or above the threshold. Crowds and true tracks outside of the size range are taken only if no
other is left, and a prediction that took one does not count; nor does an unmatched prediction whose
own size is outside of the range. Over all videos, best score first, precision is made monotone and
averaged at 101 recalls.

Empty cases: without a true track in the range AP and AR of a class are NaN; without a prediction
they are 0.

Source: Yang et al., *Video Instance Segmentation*, ICCV 2019 (arXiv:1905.04804); conventions as in
TrackEval, which the evaluator of AVISeg derives from, or in the evaluator of YouTube-VIS, see
:class:`MatchRules`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avis.evaluation.functional.counts import Scores
from avis.evaluation.functional.overlap import Bools, Floats, Ints, VideoOverlap

RECALLS: Floats = np.linspace(0, 1, 101)
# Mean area of a track in pixels, both ends belong to the range.
AREA_RANGES: Mapping[str, tuple[float, float]] = {
    'all': (0, np.inf),
    'area_s': (0, 128**2),
    'area_m': (128**2, 256**2),
    'area_l': (256**2, 1e10),
}
EPS = float(np.finfo(float).eps)
SPACING = float(np.spacing(1))


@dataclass(frozen=True)
class MatchRules:
    """What evaluators of tracks do differently.

    Attributes:
        thresholds: Of the IoU of tracks, ascending, (K,).
        slack: By how much an IoU may stay below a threshold, or below the best one so far.
        crowds_endless: A true track that marks a crowd may be taken many times.
    """

    thresholds: Floats
    slack: float
    crowds_endless: bool


# 0.50, 0.55 ... 0.95, each rounded once.
EXACT_RULES = MatchRules(np.arange(50, 100, 5) / 100, EPS, False)
# Stepping adds up rounding errors, which the slack does not always make good: an IoU of exactly
# 0.95 does not pass the last threshold.
TRACKEVAL_RULES = MatchRules(np.arange(0.5, 0.96, 0.05), EPS, False)
YOUTUBE_VIS_RULES = MatchRules(np.linspace(0.5, 0.95, 10), 0.0, True)


@dataclass(frozen=True, slots=True)
class TrackMatches:
    """The predicted tracks of one class in one video: R ranges, D tracks, K thresholds.

    Attributes:
        scores: Descending, (D,).
        matched: The track took a true one, (R, D, K).
        ignored: The track does not count, (R, D, K).
        num_gt: True tracks that count, (R,).
        as_first: What the matches would be if the very first track of the video, of any class, did
            not use up the true track that it takes; None where that is the same. The evaluator of
            AVISeg numbers the predicted tracks of all videos from 0 on, and takes a true track as
            used up only if the number is greater than 0.
    """

    scores: Floats
    matched: Bools
    ignored: Bools
    num_gt: Ints
    as_first: 'TrackMatches | None' = None


def match_tracks(
    video: VideoOverlap, label: int, *, rules: MatchRules = EXACT_RULES
) -> TrackMatches:
    """Match the predicted tracks of one class with the true ones, best score first.

    Args:
        video: Overlaps of all classes.
        label: The class.
        rules: The thresholds, and what evaluators do differently.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> full, half = ({'size': [1, 2], 'counts': counts} for counts in (b'02', b'011'))
    >>> truth, pred = TrackMasks([[full, full]]), TrackMasks([[full, half]], scores=[0.9])
    >>> video = VideoOverlap.from_rles(truth, pred, size=(1, 2), num_frames=2)
    >>> match_tracks(video, 0).matched[0, 0].astype(int)  # the IoU is 3 / 4
    array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    """
    true = np.flatnonzero(video.gt.labels == label)
    pred = np.flatnonzero(video.pred.labels == label)
    pred = pred[np.argsort(-video.pred.scores[pred], kind='stable')]
    part = video.select(true, pred)
    iou = track_iou(part)
    out_true, out_pred = _outside(part.gt.sizes) | part.gt.crowd, _outside(part.pred.sizes)
    scores, num_gt = part.pred.scores, (~out_true).sum(axis=1)

    def matches(free: int | None) -> tuple[Bools, Bools]:
        taken = _take(iou, out_true, part.gt.crowd & rules.crowds_endless, rules, free)
        matched = taken >= 0
        took_ignored = np.take_along_axis(
            np.pad(out_true, ((0, 0), (0, 1)))[:, None], taken, axis=2
        )
        return matched, np.where(matched, took_ignored, out_pred[:, :, None])

    first = np.flatnonzero(pred == 0)
    as_first = None
    # The first track can only make a difference to another one that wants the same true track.
    if len(first) and ((iou >= rules.thresholds[0] - rules.slack).sum(axis=0) > 1).any():
        as_first = TrackMatches(scores, *matches(int(first[0])), num_gt)
    return TrackMatches(scores, *matches(None), num_gt, as_first)


def track_iou(video: VideoOverlap) -> Floats:
    """IoU of every predicted with every true track over all frames, (P, G); 0 for blank tracks."""
    shared = video.intersections.sum(axis=0)
    union = video.gt.areas.sum(axis=1)[:, None] + video.pred.areas.sum(axis=1) - shared
    iou: Floats = (shared / np.maximum(union, 1)).T
    return iou


def score_matches(
    videos: Sequence[TrackMatches | None],
    *,
    num_thresholds: int = len(EXACT_RULES.thresholds),
    max_detections: int | None = None,
) -> Scores:
    """Average precision and recall of one class.

    Args:
        videos: The matches in each video, or None where the class has no track. Of predictions with
            equal scores those of an earlier video come first.
        num_thresholds: K.
        max_detections: Predictions per video that count, best scores first; None for all.

    Returns:
        ``AP_<range>`` and ``AR_<range>``, (K,) each.
    """
    pieces = [video for video in videos if video is not None]
    found = [piece.scores[:max_detections] for piece in pieces]
    order = np.argsort(-np.concatenate([np.zeros(0), *found]), kind='stable')
    nothing = np.zeros((len(AREA_RANGES), 0, num_thresholds), bool)
    matched, ignored = (
        np.concatenate([nothing, *parts], axis=1)[:, order].transpose(0, 2, 1)  # (R, K, D)
        for parts in (
            [piece.matched[:, :max_detections] for piece in pieces],
            [piece.ignored[:, :max_detections] for piece in pieces],
        )
    )
    hits, misses = (matched & ~ignored).cumsum(axis=2), (~matched & ~ignored).cumsum(axis=2)
    scores: Scores = {}
    for place, name in enumerate(AREA_RANGES):
        gt = sum(int(piece.num_gt[place]) for piece in pieces)
        curves = _average_precision(hits[place], misses[place], gt)
        scores[f'AP_{name}'], scores[f'AR_{name}'] = curves
    return scores


def average_classes_found(classes: Sequence[Scores]) -> Scores:
    """Mean of every field over the classes for which it is not NaN; NaN if there is none.

    >>> classes = [{'AP_all': np.array([1.0, np.nan])}, {'AP_all': np.array([0.5, np.nan])}]
    >>> average_classes_found(classes)
    {'AP_all': array([0.75,  nan])}
    """
    averaged = {}
    for name in classes[0] if classes else ():
        values = np.stack([scores[name] for scores in classes])
        known = ~np.isnan(values)
        total, number = np.where(known, values, 0).sum(axis=0), known.sum(axis=0)
        averaged[name] = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return averaged


def _outside(sizes: Floats) -> Bools:
    """Tracks outside of each size range, (R, N)."""
    low, high = np.array(list(AREA_RANGES.values())).T[..., None]
    return (sizes < low - EPS) | (sizes > high + EPS)


def _take(iou: Floats, ignored: Bools, endless: Bools, rules: MatchRules, free: int | None) -> Ints:
    """The true track that each prediction takes, (R, D, K), or -1.

    Args:
        iou: (D, G), best prediction first.
        ignored: True tracks that do not count, (R, G).
        endless: True tracks that are never used up, (G,).
        rules: Thresholds and slack.
        free: A prediction that does not use up what it takes.
    """
    shape = len(ignored), len(rules.thresholds)
    taken = np.full((shape[0], len(iou), shape[1]), -1)
    used = np.zeros((*shape, iou.shape[1]), bool)
    needed = np.broadcast_to(np.minimum(rules.thresholds, 1 - 1e-10), shape)
    for place, row in enumerate(iou):
        best, choice = needed, np.full(shape, -1)
        for second in (False, True):  # first the true tracks that count, then the ignored ones
            open_ = choice < 0
            for track in np.flatnonzero(row >= rules.thresholds[0] - rules.slack).tolist():
                allowed = open_ & ~used[..., track] & (ignored[:, track] == second)[:, None]
                better = allowed & (row[track] >= best - rules.slack)  # of equals the later one
                best, choice = np.where(better, row[track], best), np.where(better, track, choice)
        taken[:, place] = choice
        if place != free:
            rows, columns = np.nonzero(choice >= 0)
            tracks = choice[rows, columns]
            used[rows, columns, tracks] = ~endless[tracks]
    return taken


def _average_precision(hits: Ints, misses: Ints, gt: int) -> tuple[Floats, Floats]:
    """AP at 101 recalls, and the final recall, (K,) each, from cumulative counts (K, D)."""
    if not gt:
        return np.full(len(hits), np.nan), np.full(len(hits), np.nan)
    if not hits.shape[1]:
        return np.zeros(len(hits)), np.zeros(len(hits))
    recall = hits / gt
    precision = hits / (hits + misses + SPACING)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    precision = np.pad(precision, ((0, 0), (0, 1)))  # past the end it is 0
    first = [np.searchsorted(row, RECALLS, side='left') for row in recall]
    return np.take_along_axis(precision, np.stack(first), axis=1).mean(axis=1), recall[:, -1]
