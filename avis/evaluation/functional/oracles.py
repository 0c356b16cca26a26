"""Oracles: replace one faculty of a prediction by the truth and leave the rest as it is.

NumPy and SciPy only: no torch, no mmengine, no I/O. Start reading at :func:`pair_masks`, which says
what is matched to what, and :func:`apply_oracles`, which rebuilds a prediction.

A prediction is right if it knows three things, and each oracle knows one of them:

- *who* sounds: which tracks have a mask in which frame;
- *where* it is: the shape of the mask;
- *same*: which masks are one thing, and of which class that thing is.

An oracle moves pixel counts only, those of :class:`VideoOverlap`; no mask is decoded or drawn.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from avis.evaluation.functional.assignment import assign_frames
from avis.evaluation.functional.hota import align_tracks
from avis.evaluation.functional.overlap import (
    Bools,
    Floats,
    Ints,
    Tracks,
    VideoOverlap,
    mean_areas,
)

FACULTIES = ('who', 'where', 'same')
# Every set of oracles, from none to all three.
ORACLES: tuple[tuple[str, ...], ...] = tuple(
    names for number in range(4) for names in combinations(FACULTIES, number)
)
# A true and a predicted mask that overlap less have nothing to do with each other.
MIN_IOU = 0.1


def pair_masks(video: VideoOverlap, *, min_iou: float = MIN_IOU) -> Ints:
    """The predicted mask that every true mask is matched with: track (T, G), or -1.

    One to one in every frame, and only from an IoU of ``min_iou`` on. Pairs of the same class come
    first; what is left is then matched without regard to the class. In both rounds the sum of IoU
    times alignment (:func:`align_tracks`, over all classes) is the highest possible, so of two
    masks that fit about as well the one whose track fits better over the whole video is taken.

    Args:
        video: Overlaps of all classes.
        min_iou: Lowest IoU of a pair, above 0.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask, half = ({'size': [1, 2], 'counts': counts} for counts in (b'02', b'011'))
    >>> truth, pred = TrackMasks([[mask, mask, None]]), TrackMasks([[half, None, mask]])
    >>> pair_masks(VideoOverlap.from_rles(truth, pred, size=(1, 2), num_frames=3)).ravel()
    array([ 0, -1, -1])
    """
    match = np.full((video.num_frames, len(video.gt)), -1)
    weights = align_tracks(video) * np.where(video.iou >= min_iou, video.iou, 0)
    alike = video.gt.labels[:, None] == video.pred.labels
    for allowed in (alike, ~alike):
        frames, true, pred = assign_frames(video, weights * allowed)
        match[frames, true] = pred
        weights[frames, true] = 0
        weights[frames, :, pred] = 0
    return match


def apply_oracles(
    video: VideoOverlap,
    match: Ints,
    oracles: Collection[str],
    *,
    true_overlap: Ints | None = None,
) -> VideoOverlap:
    """What the prediction would be if the oracles had decided their part of it.

    A true mask without a match is *missed*, a predicted one *ghost*. The *principal* of a true
    track is the predicted one with which it shares the largest part of the matches of both,
    provided that this holds the other way round as well.

    ``who``
        Ghosts are removed. A missed mask is added in its true shape, as the oracle has no other, to
        the principal of its track. If there is none, or if it has a mask in that frame, it goes to
        a new track for all such masks of the same true track.
    ``where``
        Matched masks take the true shape. Missed and ghost masks stay as they are.
    ``same``
        Matched masks, and missed ones that ``who`` adds, form one track per true track, with its
        class. Ghosts of the principal go with it, but where that track has a mask already; all
        other ghosts stay in the tracks they were in.

    With all three every true mask is there in its shape and track, and nothing else: the prediction
    is the truth. Without any it is returned as it is.

    A track made of matched masks has the highest of their scores; one that ``who`` adds for a true
    track that was never matched comes first of all (infinity), and a remainder, be it of a true or
    of a predicted track, last (minus infinity): it must not cost average precision.

    Args:
        video: Overlaps of all classes without blank masks, see
            :meth:`VideoOverlap.without_blanks`.
        match: Of :func:`pair_masks`, (T, G).
        oracles: Some of ``FACULTIES``.
        true_overlap: Pixels that two true masks share, (T, G, G); if None true masks are disjoint,
            as those of label maps are.

    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask, half = ({'size': [1, 2], 'counts': counts} for counts in (b'02', b'011'))
    >>> truth, pred = TrackMasks([[mask, mask, None]]), TrackMasks([[half, None, mask]])
    >>> video = VideoOverlap.from_rles(truth, pred, size=(1, 2), num_frames=3)
    >>> for oracles in (['who'], ['where'], ['who', 'where']):
    ...     print(apply_oracles(video, pair_masks(video), oracles).pred.areas)
    [[1 2 0]]
    [[2 0 2]]
    [[2 2 0]]
    """
    unknown = set(oracles) - set(FACULTIES)
    if unknown:
        raise ValueError(f'oracles must be among {FACULTIES}, got {sorted(unknown)}')
    if not oracles:
        return video
    parts = _Parts.of(video, match)
    source = _assemble(parts, oracles)
    labels = np.concatenate([video.gt.labels, video.pred.labels])
    scores = _scores(parts, video.pred.scores, oracles)
    order = np.arange(len(source))
    if 'same' not in oracles:  # predicted tracks keep their place before the new ones
        order = np.roll(order, len(video.pred))
    order = order[(source[order] >= 0).any(axis=1)]
    if true_overlap is None:
        true_overlap = video.gt.areas.T[:, :, None] * np.eye(len(video.gt), dtype=np.int64)
    return _rebuild(video, true_overlap, source[order], (labels[order], scores[order]))


@dataclass(frozen=True)
class _Parts:
    """Masks of a video by what became of them.

    Attributes:
        matched: Frame, true and predicted track of the matched pairs, (3, M).
        missed: Frame and true track of the missed masks, (2, N).
        ghosts: Frame and predicted track of the ghosts, (2, N).
        principal: Predicted track that goes with each true one, (G,), or -1.
        pairs: Matched frames of every pair of tracks, (G, P).
        num_frames: T.
    """

    matched: Ints
    missed: Ints
    ghosts: Ints
    principal: Ints
    pairs: Ints
    num_frames: int

    @classmethod
    def of(cls, video: VideoOverlap, match: Ints) -> '_Parts':
        frames, true = np.nonzero(match >= 0)
        pred = match[frames, true]
        pairs = np.zeros((len(video.gt), len(video.pred)), np.int64)
        np.add.at(pairs, (true, pred), 1)
        return cls(
            matched=np.stack([frames, true, pred]),
            missed=np.stack(np.nonzero(video.gt.present.T & (match < 0))),
            ghosts=np.stack(np.nonzero(ghost_masks(video, match).T)),
            principal=_principals(video, pairs),
            pairs=pairs,
            num_frames=video.num_frames,
        )


def ghost_masks(video: VideoOverlap, match: Ints) -> Bools:
    """Predicted masks without a match, (P, T)."""
    ghost = video.pred.present.copy()
    frames, true = np.nonzero(match >= 0)
    ghost[match[frames, true], frames] = False
    return ghost


def _principals(video: VideoOverlap, pairs: Ints) -> Ints:
    """The predicted track that goes with each true one, (G,), or -1."""
    if not pairs.any():
        return np.full(len(pairs), -1)
    masks = video.gt.present.sum(axis=1)[:, None] + video.pred.present.sum(axis=1)
    share = pairs / np.maximum(masks - pairs, 1)
    best = share.argmax(axis=1)
    true = np.arange(len(pairs))
    mutual = (share[true, best] > 0) & (share.argmax(axis=0)[best] == true)
    return np.where(mutual, best, -1)


def _assemble(parts: _Parts, oracles: Collection[str]) -> Ints:
    """Which mask each new track has in each frame, (G + P, T).

    New tracks and masks alike are numbered: the G true ones, then the P predicted ones; -1 is none.
    """
    num_true, num_pred = parts.pairs.shape
    source = np.full((num_true + num_pred, parts.num_frames), -1)
    frames, true, pred = parts.matched
    track = true if 'same' in oracles else num_true + pred
    source[track, frames] = true if 'where' in oracles else num_true + pred

    if 'who' in oracles:
        frames, true = parts.missed
        track = true
        if 'same' not in oracles:
            principal = num_true + parts.principal[true]
            free = (parts.principal[true] >= 0) & (source[principal, frames] < 0)
            track = np.where(free, principal, true)
        source[track, frames] = true
        return source

    frames, pred = parts.ghosts
    track = num_true + pred
    if 'same' in oracles:
        owner = np.full(num_pred, -1)
        known = np.flatnonzero(parts.principal >= 0)
        owner[parts.principal[known]] = known
        free = (owner[pred] >= 0) & (source[owner[pred], frames] < 0)
        track = np.where(free, owner[pred], track)
    source[track, frames] = num_true + pred
    return source


def _scores(parts: _Parts, scores: Floats, oracles: Collection[str]) -> Floats:
    """Confidences of the new tracks, (G + P,), see :func:`apply_oracles`."""
    found = parts.pairs > 0
    best = np.where(found, scores, -np.inf).max(axis=1, initial=-np.inf)
    if 'same' in oracles:
        kept = np.where(found.any(axis=0), -np.inf, scores)
    else:
        best, kept = np.full(len(found), -np.inf), scores
    return np.concatenate([np.where(found.any(axis=1), best, np.inf), kept])


def _rebuild(
    video: VideoOverlap, true_overlap: Ints, source: Ints, facts: tuple[Ints, Floats]
) -> VideoOverlap:
    """The video with new predicted tracks, made of the masks ``source`` (N, T)."""
    source = np.pad(source, ((0, 0), (0, video.num_frames - source.shape[1])), constant_values=-1)
    areas = np.concatenate([video.gt.areas, video.pred.areas])
    shared = np.concatenate([true_overlap, video.intersections], axis=2)  # (T, G, G + P)
    given = source >= 0
    areas = np.where(given, np.take_along_axis(areas, source, axis=0), 0)
    shared = np.take_along_axis(shared, source.T[:, None], axis=2) * given.T[:, None]
    labels, scores = facts
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
