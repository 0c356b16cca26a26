"""Oracles: replace one component of a prediction by the ground truth and keep the rest.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`pair_masks`, which
matches predicted and gt masks, and :func:`apply_oracles`, which rebuilds a prediction.

A prediction has three components, and each oracle replaces one of them:

- *who* sounds: which tracks have a mask in which frame;
- *where* it is: the shape of the mask;
- *same*: which masks belong to one instance, and the class of the instance.

Oracles only rearrange the pixel counts of :class:`VideoOverlap`; no mask is decoded.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from avis.evaluation.functional.array_types import BoolArray, FloatArray, IntArray
from avis.evaluation.functional.assignment import assign_frames
from avis.evaluation.functional.hota import align_tracks
from avis.evaluation.functional.overlap import Tracks, VideoOverlap, mean_areas

COMPONENTS = ('who', 'where', 'same')
# Every set of oracles, from none to all three.
ORACLES: tuple[tuple[str, ...], ...] = tuple(
    names for number in range(4) for names in combinations(COMPONENTS, number)
)
# A gt and a predicted mask with a lower IoU are not matched.
MIN_IOU = 0.1


def pair_masks(video: VideoOverlap) -> IntArray:
    """The predicted track matched with every gt mask, (T, G), or -1.

    Masks are matched one to one in every frame, with an IoU of at least ``MIN_IOU``. Pairs of the
    same class are matched first, the remaining masks then regardless of class. Both rounds maximize
    the sum of IoU times alignment (:func:`align_tracks`, over all classes), so of two masks that
    fit about equally well the one whose track fits better over the whole video is matched.

    Args:
        video: Overlaps of all classes.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask, half = ({'size': [1, 2], 'counts': counts} for counts in (b'02', b'011'))
    >>> gt, pred = TrackMasks([[mask, mask, None]]), TrackMasks([[half, None, mask]])
    >>> pair_masks(VideoOverlap.from_rles(gt, pred, size=(1, 2), num_frames=3)).ravel()
    array([ 0, -1, -1])
    """
    match = np.full((video.num_frames, len(video.gt)), -1)
    weights = align_tracks(video) * np.where(video.iou >= MIN_IOU, video.iou, 0)
    alike = video.gt.labels[:, None] == video.pred.labels
    for allowed in (alike, ~alike):
        frames, gt, pred = assign_frames(video, weights * allowed)
        match[frames, gt] = pred
        weights[frames, gt] = 0
        weights[frames, :, pred] = 0
    return match


def apply_oracles(
    video: VideoOverlap,
    match: IntArray,
    oracles: Collection[str],
    *,
    gt_overlap: IntArray | None = None,
) -> VideoOverlap:
    """Replace the components of the given oracles by the ground truth.

    A gt mask without a match is *missed*, a predicted mask without a match a *ghost*. The
    *principal* of a gt track is the predicted track with which it shares the largest part of their
    matches, if this holds in both directions.

    ``who``
        Ghosts are removed. A missed mask is added in its gt shape to the principal of its track.
        Without a principal, or if that has a mask in the frame, it is added to a new track for all
        such masks of the same gt track.
    ``where``
        Matched masks get the gt shape. Missed and ghost masks do not change.
    ``same``
        Matched masks, and missed masks added by ``who``, form one track per gt track, with its
        class. Ghosts of the principal join that track in frames where it has no mask; all other
        ghosts stay in their tracks.

    With all three oracles the prediction equals the ground truth. Without any it is unchanged.

    A track made of matched masks gets the highest of their scores. A track that ``who`` adds for an
    unmatched gt track is ranked first (infinity); a remainder of a gt or predicted track is ranked
    last (minus infinity), so that it does not reduce average precision.

    Args:
        video: Overlaps of all classes without blank masks, see
            :meth:`VideoOverlap.without_blanks`.
        match: Matches from :func:`pair_masks`, (T, G).
        oracles: Some of ``COMPONENTS``.
        gt_overlap: Pixels that two gt masks share, (T, G, G); None if gt masks are disjoint,
            as in label maps.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask, half = ({'size': [1, 2], 'counts': counts} for counts in (b'02', b'011'))
    >>> gt, pred = TrackMasks([[mask, mask, None]]), TrackMasks([[half, None, mask]])
    >>> video = VideoOverlap.from_rles(gt, pred, size=(1, 2), num_frames=3)
    >>> for oracles in (['who'], ['where'], ['who', 'where']):
    ...     print(apply_oracles(video, pair_masks(video), oracles).pred.areas)
    [[1 2 0]]
    [[2 0 2]]
    [[2 2 0]]
    """
    unknown = set(oracles) - set(COMPONENTS)
    if unknown:
        raise ValueError(f'oracles must be among {COMPONENTS}, got {sorted(unknown)}')
    if not oracles:
        return video
    parts = _Parts.of(video, match)
    source = _assemble(parts, oracles)
    labels = np.concatenate([video.gt.labels, video.pred.labels])
    scores = _scores(parts, video.pred.scores, oracles)
    order = np.arange(len(source))
    if 'same' not in oracles:  # predicted tracks stay before the new ones
        order = np.roll(order, len(video.pred))
    order = order[(source[order] >= 0).any(axis=1)]
    if gt_overlap is None:
        gt_overlap = video.gt.areas.T[:, :, None] * np.eye(len(video.gt), dtype=np.int64)
    return _rebuild(video, gt_overlap, source[order], (labels[order], scores[order]))


@dataclass(frozen=True)
class _Parts:
    """The masks of a video by the result of their matching.

    Attributes:
        matched: Frame, gt and predicted track of the matched pairs, (3, M).
        missed: Frame and gt track of the missed masks, (2, N).
        ghosts: Frame and predicted track of the ghosts, (2, N).
        principal: Principal predicted track of each gt track, (G,), or -1.
        pairs: Number of matched frames of every pair of tracks, (G, P).
        num_frames: T.
    """

    matched: IntArray
    missed: IntArray
    ghosts: IntArray
    principal: IntArray
    pairs: IntArray
    num_frames: int

    @classmethod
    def of(cls, video: VideoOverlap, match: IntArray) -> '_Parts':
        frames, gt = np.nonzero(match >= 0)
        pred = match[frames, gt]
        pairs = np.zeros((len(video.gt), len(video.pred)), np.int64)
        np.add.at(pairs, (gt, pred), 1)
        return cls(
            matched=np.stack([frames, gt, pred]),
            missed=np.stack(np.nonzero(video.gt.present.T & (match < 0))),
            ghosts=np.stack(np.nonzero(ghost_masks(video, match).T)),
            principal=_principals(video, pairs),
            pairs=pairs,
            num_frames=video.num_frames,
        )


def ghost_masks(video: VideoOverlap, match: IntArray) -> BoolArray:
    """Predicted masks without a match, (P, T)."""
    ghost = video.pred.present.copy()
    frames, gt = np.nonzero(match >= 0)
    ghost[match[frames, gt], frames] = False
    return ghost


def _principals(video: VideoOverlap, pairs: IntArray) -> IntArray:
    """The principal predicted track of each gt track, (G,), or -1."""
    if not pairs.any():
        return np.full(len(pairs), -1)
    masks = video.gt.present.sum(axis=1)[:, None] + video.pred.present.sum(axis=1)
    share = pairs / np.maximum(masks - pairs, 1)
    best = share.argmax(axis=1)
    gt = np.arange(len(pairs))
    mutual = (share[gt, best] > 0) & (share.argmax(axis=0)[best] == gt)
    return np.where(mutual, best, -1)


def _assemble(parts: _Parts, oracles: Collection[str]) -> IntArray:
    """The source mask of each new track in each frame, (G + P, T).

    New tracks and source masks have the same numbering: G gt tracks, then P predicted tracks; -1
    means no mask.
    """
    num_gt, num_pred = parts.pairs.shape
    source = np.full((num_gt + num_pred, parts.num_frames), -1)
    frames, gt, pred = parts.matched
    track = gt if 'same' in oracles else num_gt + pred
    source[track, frames] = gt if 'where' in oracles else num_gt + pred

    if 'who' in oracles:
        frames, gt = parts.missed
        track = gt
        if 'same' not in oracles:
            principal = num_gt + parts.principal[gt]
            free = (parts.principal[gt] >= 0) & (source[principal, frames] < 0)
            track = np.where(free, principal, gt)
        source[track, frames] = gt
        return source

    frames, pred = parts.ghosts
    track = num_gt + pred
    if 'same' in oracles:
        owner = np.full(num_pred, -1)
        known = np.flatnonzero(parts.principal >= 0)
        owner[parts.principal[known]] = known
        free = (owner[pred] >= 0) & (source[owner[pred], frames] < 0)
        track = np.where(free, owner[pred], track)
    source[track, frames] = num_gt + pred
    return source


def _scores(parts: _Parts, scores: FloatArray, oracles: Collection[str]) -> FloatArray:
    """Scores of the new tracks, (G + P,), see :func:`apply_oracles`."""
    found = parts.pairs > 0
    best = np.where(found, scores, -np.inf).max(axis=1, initial=-np.inf)
    if 'same' in oracles:
        kept = np.where(found.any(axis=0), -np.inf, scores)
    else:
        best, kept = np.full(len(found), -np.inf), scores
    return np.concatenate([np.where(found.any(axis=1), best, np.inf), kept])


def _rebuild(
    video: VideoOverlap,
    gt_overlap: IntArray,
    source: IntArray,
    labels_and_scores: tuple[IntArray, FloatArray],
) -> VideoOverlap:
    """The video with new predicted tracks, composed of the source masks (N, T)."""
    source = np.pad(source, ((0, 0), (0, video.num_frames - source.shape[1])), constant_values=-1)
    areas = np.concatenate([video.gt.areas, video.pred.areas])
    shared = np.concatenate([gt_overlap, video.intersections], axis=2)  # (T, G, G + P)
    given = source >= 0
    areas = np.where(given, np.take_along_axis(areas, source, axis=0), 0)
    shared = np.take_along_axis(shared, source.T[:, None], axis=2) * given.T[:, None]
    labels, scores = labels_and_scores
    pred = Tracks(
        areas=areas,
        present=given,
        labels=labels,
        ids=np.arange(len(source)),
        scores=scores,
        crowd=np.zeros(len(source), bool),
        sizes=mean_areas(areas),
    )
    return replace(video, pred=pred, intersections=shared)
