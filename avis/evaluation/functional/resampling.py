"""Scores of many draws of the same videos at once, for the bootstrap.

NumPy only: no torch, no mmengine, no I/O. Each function returns for every draw the summary that the
functions of its benchmark compute (``score_aviseg``, ``score_youtube_vis``, ``pool_clips``,
``pool_classes``), several hundred times faster than calling them: sums over videos become one
matrix product, and AP is computed from weighted counts.

Letters: R draws, V videos, N videos per draw, K thresholds, D predictions, L classes.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from avis.evaluation.functional.array_types import FloatArray, IntArray
from avis.evaluation.functional.aviseg import AVISegCounts
from avis.evaluation.functional.avsbench import ClipScores
from avis.evaluation.functional.avss import ClassSums
from avis.evaluation.functional.counts import EvalProtocol, mean_of_known
from avis.evaluation.functional.hota import ALPHAS, HOTACounts
from avis.evaluation.functional.track_map import AREA_RANGES, RECALLS, SPACING, TrackMatches
from avis.evaluation.functional.youtube_vis import (
    MAX_DETECTIONS,
    THRESHOLD_INDICES,
    YouTubeVISCounts,
)

_HOTA_FIELDS = ('gt_dets', 'pred_dets', 'tp', 'loc', 'ass', 'ass_re', 'ass_pr')
_HOTA_SUMMARY = ('HOTA', 'DetA', 'DetRe', 'DetPr', 'AssA', 'AssRe', 'AssPr', 'LocA')
_BLOCK = 2_000_000  # maximal size of an intermediate array

Draws = Mapping[str, FloatArray]


def count_draws(draws: IntArray, num_videos: int) -> IntArray:
    """How often each video occurs in each draw, (R, V).

    >>> count_draws(np.array([[0, 2, 2], [1, 1, 1]]), 3).tolist()
    [[1, 0, 2], [0, 3, 0]]
    """
    offsets = np.arange(len(draws))[:, None] * num_videos
    counts = np.bincount((draws + offsets).ravel(), minlength=len(draws) * num_videos)
    return counts.reshape(len(draws), num_videos)


def resample_aviseg(
    videos: Sequence[AVISegCounts], draws: IntArray, *, num_classes: int
) -> dict[str, FloatArray]:
    """The summary of AVISeg for each draw, in percent; NaN where AP or FSLA is undefined.

    Under ``official`` the very first prediction leaves its gt track free in every draw.

    Args:
        videos: V videos, counted under one protocol.
        draws: Indices of videos, (R, N).
        num_classes: Number of classes of the data set.
    """
    order = sorted(range(len(videos)), key=lambda index: videos[index].name)
    counts = count_draws(draws, len(videos))[:, order]
    videos = [videos[index] for index in order]
    official = videos[0].protocol == 'official'
    labels = sorted({label for video in videos for label in video.classes})
    scores = _resample_hota(videos, labels, counts, num_classes if official else None)
    maps = _resample_maps(videos, labels, counts, official=official)
    scores = {**maps, **scores}
    if all(video.fsla is not None for video in videos):
        scores |= _resample_fsla(videos, counts)
    return {name: 100 * values for name, values in scores.items()}


def resample_youtube_vis(
    videos: Sequence[YouTubeVISCounts], draws: IntArray
) -> dict[str, FloatArray]:
    """The summary of YouTube-VIS for each draw, in percent; NaN where a score is undefined.

    Args:
        videos: V videos, matched under one protocol.
        draws: Indices of videos, (R, N).
    """
    order = sorted(range(len(videos)), key=lambda index: videos[index].video_id)
    counts = count_draws(draws, len(videos))[:, order]
    videos = [videos[index] for index in order]
    labels = sorted({label for video in videos for label in video.tracks})
    found = {}
    for limit in MAX_DETECTIONS:
        classes = [
            resample_matches([v.tracks.get(label) for v in videos], counts, max_detections=limit)
            for label in labels
        ]
        found[limit] = _average_classes(classes, len(counts))
    best = found[MAX_DETECTIONS[-1]]
    scores = {'AP': best['AP_all'].mean(axis=1)}
    scores |= {name: best['AP_all'][:, index] for name, index in THRESHOLD_INDICES.items()}
    scores |= {f'AR{limit}': found[limit]['AR_all'].mean(axis=1) for limit in MAX_DETECTIONS}
    for size in 'sml':
        for kind in ('AP', 'AR'):
            scores[f'{kind}_{size}'] = best[f'{kind}_area_{size}'].mean(axis=1)
    return {name: 100 * values for name, values in scores.items()}


def resample_matches(
    videos: Sequence[TrackMatches | None], counts: IntArray, *, max_detections: int | None = None
) -> dict[str, FloatArray]:
    """AP and AR of one class for each draw, as :func:`score_matches` computes them.

    Args:
        videos: The matches of each video, or None where the class has no track.
        counts: How often each video occurs in each draw, (R, V).
        max_detections: Number of predictions per video that count; None for all.

    Returns:
        ``AP_<range>`` and ``AR_<range>``, (R, K) each; NaN where no gt track is drawn.
    """
    known = [(index, video) for index, video in enumerate(videos) if video is not None]
    owners = [np.full(len(v.scores[:max_detections]), index) for index, v in known]
    found = np.concatenate([np.zeros(0), *(v.scores[:max_detections] for _, v in known)])
    order = np.argsort(-found, kind='stable')
    weights = counts[:, np.concatenate([np.zeros(0, np.int64), *owners])[order]]  # (R, D)
    scores: dict[str, FloatArray] = {}
    for row, name in enumerate(AREA_RANGES):
        gt = counts[:, [index for index, _ in known]] @ np.array(
            [v.num_gt[row] for _, v in known], np.int64
        )
        matched = np.concatenate([v.matched[row, :max_detections] for _, v in known])[order]
        ignored = np.concatenate([v.ignored[row, :max_detections] for _, v in known])[order]
        curves = _weighted_ap(weights, matched & ~ignored, ~matched & ~ignored, gt)
        scores[f'AP_{name}'], scores[f'AR_{name}'] = curves
    return scores


def resample_avsbench(
    clips: Sequence[ClipScores],
    draws: IntArray | Sequence[IntArray],
    *,
    protocol: EvalProtocol,
    batch_size: int,
) -> dict[str, FloatArray]:
    """``miou`` and ``F_score`` of AVSBench for each draw, in 0..1; NaN for one without clips.

    Under ``official`` the clips of a draw form batches in the order of the draw.

    Args:
        clips: V clips with at least one frame each.
        draws: Indices of clips, (R, N), or R arrays of different lengths.
        protocol: ``'official'`` or ``'corrected'``.
        batch_size: Clips per evaluation batch of the official protocol.
    """
    official = protocol == 'official'
    jaccard = np.array([clip.jaccard.sum() for clip in clips])
    frames = np.array([len(clip.jaccard) for clip in clips])
    sounding = np.array([clip.sounding.sum() for clip in clips])
    curves = np.stack([clip.curve_sum for clip in clips])  # (V, 255)
    miou, f_score = np.full((2, len(draws)), np.nan)
    for row, draw in enumerate(draws):
        if not len(draw):
            continue
        starts = np.arange(0, len(draw), batch_size if official else len(draw))
        total = [np.add.reduceat(values[draw], starts) for values in (jaccard, frames, sounding)]
        best = np.add.reduceat(curves[draw], starts).max(axis=1) / np.maximum(total[2], 1)
        silent = 0.0 if official else np.nan
        miou[row] = (total[0] / total[1]).mean()
        f_score[row] = np.where(total[2] > 0, best, silent).mean()
    return {'miou': miou, 'F_score': f_score}


def resample_avss(
    clips: Sequence[ClassSums], draws: IntArray, *, protocol: EvalProtocol
) -> dict[str, FloatArray]:
    """The summary of AVSBench-semantic for each draw, in 0..1.

    Args:
        clips: V clips.
        draws: Indices of clips, (R, N).
        protocol: ``'official'`` or ``'corrected'``.
    """
    counts = count_draws(draws, len(clips))
    frames = counts @ np.stack([clip.frames for clip in clips])
    kept = slice(None, -1) if protocol == 'official' else slice(1, None)
    scores = {}
    for name, field in (('miou', 'iou'), ('F_score', 'f')):
        sums = counts @ np.stack([getattr(clip, field) for clip in clips])
        classes = sums / np.maximum(frames, 1)
        scores[name] = classes.mean(axis=1)
        scores[f'{name}_noBg'] = classes[:, kept].mean(axis=1)
    return scores


def _weighted_ap(
    weights: IntArray, hit: 'np.ndarray', miss: 'np.ndarray', gt: IntArray
) -> tuple[FloatArray, FloatArray]:
    """AP and final recall, (R, K) each, of predictions with integer weights."""
    num_draws, num_thresholds = len(weights), hit.shape[1]
    ap, ar = np.zeros((2, num_draws, num_thresholds))
    if hit.size:
        step = max(1, _BLOCK // hit.size)
        for start in range(0, num_draws, step):
            part = slice(start, start + step)
            ap[part], ar[part] = _ap_of_block(weights[part, :, None], hit, miss, gt[part])
    undefined = gt == 0
    ap[undefined], ar[undefined] = np.nan, np.nan
    return ap, ar


def _ap_of_block(
    weights: IntArray, hit: 'np.ndarray', miss: 'np.ndarray', gt: IntArray
) -> tuple[FloatArray, FloatArray]:
    hits, misses = (weights * hit).cumsum(axis=1), (weights * miss).cumsum(axis=1)  # (r, D, K)
    recall = hits / np.maximum(gt, 1)[:, None, None]
    precision = hits / (hits + misses + SPACING)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    # The precision at a recall is that of the first prediction that reaches it.
    reached = np.searchsorted(RECALLS, recall, side='right')
    new = np.diff(reached, axis=1, prepend=0)
    return (precision * new).sum(axis=1) / len(RECALLS), recall[:, -1]


def _resample_hota(
    videos: Sequence[AVISegCounts], labels: Sequence[int], counts: IntArray, num_classes: int | None
) -> dict[str, FloatArray]:
    """HOTA scores (R,): means over thresholds and classes; over ``num_classes`` if given."""
    shape = len(_HOTA_FIELDS), len(ALPHAS)
    totals = np.zeros((*shape, len(counts), len(labels)))
    drawn = np.zeros((len(counts), len(labels)), bool)
    for column, label in enumerate(labels):
        values = np.zeros((len(videos), *shape))
        for row, video in enumerate(videos):
            if label in video.classes:
                part = video.classes[label].counts['HOTA']
                values[row] = np.broadcast_arrays(*(getattr(part, f) for f in _HOTA_FIELDS))
        totals[..., column] = np.tensordot(values, counts, axes=(0, 1))
        has = np.array([label in video.classes for video in videos])
        drawn[:, column] = counts @ has > 0
    classes = HOTACounts(**dict(zip(_HOTA_FIELDS, totals, strict=True))).scores()
    empty = HOTACounts().scores()
    scores = {}
    for name in _HOTA_SUMMARY:
        values = classes[name].mean(axis=0)  # (R, L)
        if num_classes is None:
            scores[name] = mean_of_known(np.where(drawn, values, np.nan), axis=1)
        else:
            absent = (num_classes - len(labels)) * empty[name].mean()
            scores[name] = (values.sum(axis=1) + absent) / num_classes
    return scores


def _resample_maps(
    videos: Sequence[AVISegCounts], labels: Sequence[int], counts: IntArray, *, official: bool
) -> dict[str, FloatArray]:
    """AP and AR scores (R,): means over thresholds and classes."""
    first = next((video for video in videos if video.predicted), None) if official else None
    classes = []
    for label in labels:
        found: list[TrackMatches | None] = []
        for video in videos:
            part = video.classes.get(label)
            tracks = None if part is None else part.tracks
            first_tracks = tracks.as_first if tracks is not None and video is first else None
            found.append(first_tracks or tracks)
        classes.append(resample_matches(found, counts))
    means = _average_classes(classes, len(counts))
    names = {'AP_all': 'AP_all', 'AR_all': 'AR_all'}
    names |= {f'AP_{size}': f'AP_area_{size}' for size in 'sml'}
    return {name: means[key].mean(axis=1) for name, key in names.items()}


def _average_classes(classes: Sequence[Draws], num_draws: int) -> dict[str, FloatArray]:
    """Mean of every field (R, K) over the classes for which it is not NaN."""
    if not classes:
        undefined = np.full((num_draws, 10), np.nan)
        return {f'{kind}_{name}': undefined for kind in ('AP', 'AR') for name in AREA_RANGES}
    return {
        name: mean_of_known(np.stack([scores[name] for scores in classes]), axis=0)
        for name in classes[0]
    }


def _resample_fsla(videos: Sequence[AVISegCounts], counts: IntArray) -> dict[str, FloatArray]:
    known = [video.fsla for video in videos if video.fsla is not None]
    frames = counts @ np.stack([fsla.frames for fsla in known])  # (R, 3)
    correct = np.tensordot(counts, np.stack([fsla.correct for fsla in known]), axes=(1, 0))
    correct = correct.mean(axis=-1)  # (R, 3)
    shares = np.where(frames > 0, correct / np.maximum(frames, 1), np.nan)
    total = frames.sum(axis=1)
    scores = {'FA': np.where(total > 0, correct.sum(axis=1) / np.maximum(total, 1), np.nan)}
    return scores | {f'FA{kind}': shares[:, column] for column, kind in enumerate('nsm')}
