"""The errors of a prediction by kind, counted in one video.

NumPy only: no torch, no mmengine, no I/O. Start reading at :class:`ErrorCounts`, which defines the
kinds, and :func:`count_errors`. Masks are matched by
:func:`avis.evaluation.functional.oracles.pair_masks`, for oracles and errors alike. A *sounding
run* is a maximal run of consecutive frames in which a gt track has a mask.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from avis.evaluation.functional.array_types import BoolArray, IntArray
from avis.evaluation.functional.counts import Counts
from avis.evaluation.functional.oracles import ghost_masks
from avis.evaluation.functional.overlap import VideoOverlap

# A matched mask with a lower IoU is a poor mask.
POOR_IOU = 0.5


@dataclass(frozen=True)
class ErrorCounts(Counts):
    """The number of errors of each kind.

    Attributes:
        missed_speaker: Who: sounding runs without any match, and gaps between two matched frames
            of a run.
        ghost_speaker: Who: runs of frames in which a predicted track has masks without a match,
            except those counted as ``early_start`` or ``late_end``.
        late_start: Who: frames of a sounding run before its first match, over runs with a match.
        early_end: Who: frames of a sounding run after its last match, likewise.
        early_start: Who: unmatched frames of a predicted track directly before the sounding run
            whose first frame it matches.
        late_end: Who: unmatched frames of a predicted track directly after the sounding run whose
            last frame it matches.
        poor_mask: Where: matched masks with an IoU below 0.5.
        identity_switch: Same: changes of the predicted track that a gt track is matched with, if
            one of the two predicted tracks is matched with another gt track as well.
        split: Same: such changes if both predicted tracks are matched with this gt track only.
        merge: Same: changes of the gt track that a predicted track is matched with, if both gt
            tracks are matched with this predicted track only.
        wrong_class: Same: pairs of a gt and a predicted track of different class that are matched
            in some frame.
        missed_masks: All gt masks without a match.
        ghost_masks: All predicted masks without a match.
    """

    missed_speaker: int = 0
    ghost_speaker: int = 0
    late_start: int = 0
    early_end: int = 0
    early_start: int = 0
    late_end: int = 0
    poor_mask: int = 0
    identity_switch: int = 0
    split: int = 0
    merge: int = 0
    wrong_class: int = 0
    missed_masks: int = 0
    ghost_masks: int = 0


def count_errors(video: VideoOverlap, match: IntArray) -> ErrorCounts:
    """Count the errors of one video by kind.

    Args:
        video: Overlaps of all classes without blank masks.
        match: Matches from :func:`pair_masks`, (T, G).

    >>> from avis.evaluation.functional.oracles import pair_masks
    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask = {'size': [1, 1], 'counts': b'01'}
    >>> gt, pred = TrackMasks([[mask, mask, None]]), TrackMasks([[None, mask, mask]])
    >>> video = VideoOverlap.from_rles(gt, pred, size=(1, 1), num_frames=3)
    >>> errors = count_errors(video, pair_masks(video))
    >>> errors.late_start, errors.late_end, errors.missed_speaker, errors.ghost_speaker
    (1, 1, 0, 0)
    """
    frames, gt = np.nonzero(match >= 0)
    pred = match[frames, gt]
    counts = {'poor_mask': int((video.iou[frames, gt, pred] < POOR_IOU).sum())}
    wrong = video.gt.labels[gt] != video.pred.labels[pred]
    counts['wrong_class'] = len(np.unique(np.stack([gt, pred])[:, wrong], axis=1).T)
    return (
        ErrorCounts(**counts)
        + _count_missed(video.gt.present, match.T >= 0)
        + _count_ghosts(video, match)
        + _count_identity_errors(match, len(video.pred))
    )


def _runs(rows: BoolArray) -> Iterator[tuple[int, int, int]]:
    """Row, first and last frame of every maximal run of True in rows (N, T)."""
    change = np.diff(np.pad(rows, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(change > 0)
    end = np.nonzero(change < 0)[1] - 1
    return zip(row.tolist(), start.tolist(), end.tolist(), strict=True)


def _count_missed(sounding: BoolArray, matched: BoolArray) -> ErrorCounts:
    """Count gt masks without a match; both arguments are (G, T)."""
    missed = late = early = 0
    for track, start, end in _runs(sounding):
        found = np.flatnonzero(matched[track, start : end + 1])
        if not len(found):
            missed += 1
            continue
        late += int(found[0])
        early += end - start - int(found[-1])
        missed += int((np.diff(found) > 1).sum())
    return ErrorCounts(
        missed_speaker=missed,
        late_start=late,
        early_end=early,
        missed_masks=int((sounding & ~matched).sum()),
    )


def _count_ghosts(video: VideoOverlap, match: IntArray) -> ErrorCounts:
    """Count predicted masks without a match."""
    ghost = ghost_masks(video, match)
    # Padded by frames -1 and T without a match, so that runs at both ends need no special case.
    partner = np.full((len(video.pred), video.num_frames + 2), -1)
    frames, gt = np.nonzero(match >= 0)
    partner[match[frames, gt], frames + 1] = gt
    sounding = video.gt.present
    ghosts = early = late = 0
    for track, start, end in _runs(ghost):
        before, after = partner[track, start], partner[track, end + 2]
        if before >= 0 and not sounding[before, start]:
            late += end - start + 1
        elif after >= 0 and not sounding[after, end]:
            early += end - start + 1
        else:
            ghosts += 1
    return ErrorCounts(
        ghost_speaker=ghosts, early_start=early, late_end=late, ghost_masks=int(ghost.sum())
    )


def _count_identity_errors(match: IntArray, num_pred: int) -> ErrorCounts:
    """Count changes of the matched track, from both sides."""
    found = np.zeros((match.shape[1], num_pred), bool)
    frames, gt = np.nonzero(match >= 0)
    pred = match[frames, gt]
    found[gt, pred] = True
    shared_pred, shared_gt = found.sum(axis=0) > 1, found.sum(axis=1) > 1
    switches = splits = merges = 0
    for track in range(match.shape[1]):
        before, after = _changes(pred[gt == track])
        is_switch = shared_pred[before] | shared_pred[after]
        switches += int(is_switch.sum())
        splits += int((~is_switch).sum())
    for track in range(num_pred):
        before, after = _changes(gt[pred == track])
        merges += int((~shared_gt[before] & ~shared_gt[after]).sum())
    return ErrorCounts(identity_switch=switches, split=splits, merge=merges)


def _changes(tracks: IntArray) -> tuple[IntArray, IntArray]:
    """The tracks before and after every change in a sequence of matched tracks."""
    change = np.flatnonzero(tracks[1:] != tracks[:-1])
    return tracks[change], tracks[change + 1]
