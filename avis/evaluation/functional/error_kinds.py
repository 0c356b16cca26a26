"""The errors of a prediction by kind, counted in one video.

NumPy only: no torch, no mmengine, no I/O. Start reading at :class:`ErrorCounts`, which defines the
kinds, and :func:`count_errors`. What is matched to what is decided by
:func:`avis.evaluation.functional.oracles.pair_masks`, for the oracles and for the errors alike. A
*sounding run* is a longest row of frames in which a true track has a mask.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from avis.evaluation.functional.counts import Counts
from avis.evaluation.functional.oracles import ghost_masks
from avis.evaluation.functional.overlap import Bools, Ints, VideoOverlap

# A matched mask with a lower IoU is called poor.
POOR_IOU = 0.5


@dataclass(frozen=True)
class ErrorCounts(Counts):
    """How often each kind of error occurs.

    Who sounds:

    Attributes:
        missed_speaker: Sounding runs without any match, and gaps between two matched frames of a
            run.
        ghost_speaker: Rows of frames in which a predicted track has masks without a match, but for
            those counted as ``early_start`` or ``late_end``.
        late_start: Frames of a sounding run before its first match, summed over runs with a match.
        early_end: Frames of a sounding run after its last match, likewise.
        early_start: Frames in which a predicted track has a mask before the true track sounds, up
            to the first frame of the run.
        late_end: Frames in which it still has one after the run, from its last frame on.
        poor_mask: Where: matched masks with an IoU below 0.5.
        identity_switch: Same: times that a true track is matched with another predicted track than
            at its last match, and one of the two is matched with another true track as well.
        split: The same, but both predicted tracks are matched with this true track only.
        merge: Times that a predicted track is matched with another true track than at its last
            match, and both true tracks are matched with this predicted track only.
        wrong_class: Same: pairs of a true and a predicted track of different class that are matched
            in some frame.
        missed_masks: All true masks without a match.
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


def count_errors(video: VideoOverlap, match: Ints, *, poor_iou: float = POOR_IOU) -> ErrorCounts:
    """Count the errors of one video by kind.

    Args:
        video: Overlaps of all classes without blank masks.
        match: Of :func:`pair_masks`, (T, G).
        poor_iou: A matched mask with a lower IoU is poor.

    >>> from avis.evaluation.functional.oracles import pair_masks
    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask = {'size': [1, 1], 'counts': b'01'}
    >>> truth, pred = TrackMasks([[mask, mask, None]]), TrackMasks([[None, mask, mask]])
    >>> video = VideoOverlap.from_rles(truth, pred, size=(1, 1), num_frames=3)
    >>> errors = count_errors(video, pair_masks(video))
    >>> errors.late_start, errors.late_end, errors.missed_speaker, errors.ghost_speaker
    (1, 1, 0, 0)
    """
    frames, true = np.nonzero(match >= 0)
    pred = match[frames, true]
    counts = {'poor_mask': int((video.iou[frames, true, pred] < poor_iou).sum())}
    wrong = video.gt.labels[true] != video.pred.labels[pred]
    counts['wrong_class'] = len(np.unique(np.stack([true, pred])[:, wrong], axis=1).T)
    return (
        ErrorCounts(**counts)
        + _count_missed(video.gt.present, match.T >= 0)
        + _count_ghosts(video, match)
        + _count_identity_errors(match, len(video.pred))
    )


def _runs(rows: Bools) -> Iterator[tuple[int, int, int]]:
    """Row, first and last frame of every longest run of True in rows (N, T)."""
    change = np.diff(np.pad(rows, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(change > 0)
    end = np.nonzero(change < 0)[1] - 1
    return zip(row.tolist(), start.tolist(), end.tolist(), strict=True)


def _count_missed(sounding: Bools, matched: Bools) -> ErrorCounts:
    """True masks without a match; both (G, T)."""
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


def _count_ghosts(video: VideoOverlap, match: Ints) -> ErrorCounts:
    """Predicted masks without a match."""
    ghost = ghost_masks(video, match)
    # Frames -1 and T, in which nothing is matched, spare a test below.
    partner = np.full((len(video.pred), video.num_frames + 2), -1)
    frames, true = np.nonzero(match >= 0)
    partner[match[frames, true], frames + 1] = true
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


def _count_identity_errors(match: Ints, num_pred: int) -> ErrorCounts:
    """Matches with another track than the last time."""
    found = np.zeros((match.shape[1], num_pred), bool)
    frames, true = np.nonzero(match >= 0)
    pred = match[frames, true]
    found[true, pred] = True
    shared_pred, shared_true = found.sum(axis=0) > 1, found.sum(axis=1) > 1
    switches = splits = merges = 0
    for track in range(match.shape[1]):
        before, after = _changes(pred[true == track])
        taken = shared_pred[before] | shared_pred[after]
        switches += int(taken.sum())
        splits += int((~taken).sum())
    for track in range(num_pred):
        before, after = _changes(true[pred == track])
        merges += int((~shared_true[before] & ~shared_true[after]).sum())
    return ErrorCounts(identity_switch=switches, split=splits, merge=merges)


def _changes(tracks: Ints) -> tuple[Ints, Ints]:
    """The tracks before and after every change in a row of matches."""
    change = np.flatnonzero(tracks[1:] != tracks[:-1])
    return tracks[change], tracks[change + 1]
