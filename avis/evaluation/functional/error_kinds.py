"""The errors of a prediction by kind, found and counted in one video.

NumPy only: no torch, no mmengine, no I/O. Start reading at :class:`ErrorCounts`, which defines the
kinds, :func:`find_errors`, which says where they are, and :func:`count_errors`. Masks are matched
by :func:`avis.evaluation.functional.oracles.pair_masks`, for oracles and errors alike. A *sounding
run* is a maximal run of consecutive frames in which a gt track has a mask.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from avis.evaluation.functional.array_types import BoolArray, IntArray
from avis.evaluation.functional.counts import Counts
from avis.evaluation.functional.oracles import ghost_masks
from avis.evaluation.functional.overlap import VideoOverlap

# A matched mask with a lower IoU is a poor mask.
POOR_IOU = 0.5
# Kinds that are found on predicted tracks; all others are found on gt tracks.
PRED_KINDS = ('ghost_speaker', 'early_start', 'late_end', 'merge')
# Kinds that are counted in frames; all others in runs, changes or pairs.
_FRAME_KINDS = ('late_start', 'early_end', 'early_start', 'late_end', 'poor_mask')


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


class ErrorRun(NamedTuple):
    """Consecutive frames of one track with the same error.

    Args:
        kind: A field of :class:`ErrorCounts`.
        track: Index in ``video.pred`` for ``PRED_KINDS``, else in ``video.gt``.
        start: First frame.
        length: Number of frames; 1 for changes of a track, which happen at ``start``.
    """

    kind: str
    track: int
    start: int
    length: int


def find_errors(video: VideoOverlap, match: IntArray) -> list[ErrorRun]:
    """Where the errors of each kind are.

    Args:
        video: Overlaps of all classes without blank masks.
        match: Matches from :func:`pair_masks`, (T, G).

    >>> from avis.evaluation.functional.oracles import pair_masks
    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask = {'size': [1, 1], 'counts': b'01'}
    >>> gt, pred = TrackMasks([[mask, mask, None]]), TrackMasks([[None, mask, mask]])
    >>> video = VideoOverlap.from_rles(gt, pred, size=(1, 1), num_frames=3)
    >>> [tuple(run) for run in find_errors(video, pair_masks(video))]
    [('late_start', 0, 0, 1), ('late_end', 0, 2, 1)]
    """
    frames, gt = np.nonzero(match >= 0)
    pred = match[frames, gt]
    marked = {
        'poor_mask': video.iou[frames, gt, pred] < POOR_IOU,
        'wrong_class': video.gt.labels[gt] != video.pred.labels[pred],
    }
    found = [*_find_missed(video.gt.present, match.T >= 0), *_find_ghosts(video, match)]
    for kind, wrong in marked.items():
        rows = np.zeros((len(video.gt), video.num_frames), bool)
        rows[gt[wrong], frames[wrong]] = True
        found += [ErrorRun(kind, row, start, end - start + 1) for row, start, end in _runs(rows)]
    return [*found, *_find_identity_errors(match, len(video.pred))]


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
    counts: Counter[str] = Counter()
    for run in find_errors(video, match):
        counts[run.kind] += run.length if run.kind in _FRAME_KINDS else 1
    frames, gt = np.nonzero(match >= 0)
    pred = match[frames, gt]
    wrong = video.gt.labels[gt] != video.pred.labels[pred]
    counts['wrong_class'] = len(np.unique(np.stack([gt, pred])[:, wrong], axis=1).T)
    counts['missed_masks'] = int((video.gt.present & (match.T < 0)).sum())
    counts['ghost_masks'] = int(ghost_masks(video, match).sum())
    return ErrorCounts(**counts)


def _runs(rows: BoolArray) -> Iterator[tuple[int, int, int]]:
    """Row, first and last frame of every maximal run of True in rows (N, T)."""
    change = np.diff(np.pad(rows, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(change > 0)
    end = np.nonzero(change < 0)[1] - 1
    return zip(row.tolist(), start.tolist(), end.tolist(), strict=True)


def _find_missed(sounding: BoolArray, matched: BoolArray) -> Iterator[ErrorRun]:
    """Find gt masks without a match; both arguments are (G, T)."""
    for track, start, end in _runs(sounding):
        found = start + np.flatnonzero(matched[track, start : end + 1])
        if not len(found):
            yield ErrorRun('missed_speaker', track, start, end - start + 1)
            continue
        first, last = int(found[0]), int(found[-1])
        if first > start:
            yield ErrorRun('late_start', track, start, first - start)
        if end > last:
            yield ErrorRun('early_end', track, last + 1, end - last)
        for gap in np.flatnonzero(np.diff(found) > 1):
            before, after = int(found[gap]), int(found[gap + 1])
            yield ErrorRun('missed_speaker', track, before + 1, after - before - 1)


def _find_ghosts(video: VideoOverlap, match: IntArray) -> Iterator[ErrorRun]:
    """Find predicted masks without a match."""
    # Padded by frames -1 and T without a match, so that runs at both ends need no special case.
    partner = np.full((len(video.pred), video.num_frames + 2), -1)
    frames, gt = np.nonzero(match >= 0)
    partner[match[frames, gt], frames + 1] = gt
    sounding = video.gt.present
    for track, start, end in _runs(ghost_masks(video, match)):
        before, after = partner[track, start], partner[track, end + 2]
        if before >= 0 and not sounding[before, start]:
            kind = 'late_end'
        elif after >= 0 and not sounding[after, end]:
            kind = 'early_start'
        else:
            kind = 'ghost_speaker'
        yield ErrorRun(kind, track, start, end - start + 1)


def _find_identity_errors(match: IntArray, num_pred: int) -> Iterator[ErrorRun]:
    """Find changes of the matched track, from both sides."""
    found = np.zeros((match.shape[1], num_pred), bool)
    frames, gt = np.nonzero(match >= 0)
    pred = match[frames, gt]
    found[gt, pred] = True
    shared_pred, shared_gt = found.sum(axis=0) > 1, found.sum(axis=1) > 1
    for track in range(match.shape[1]):
        own = gt == track
        for frame, before, after in _changes(frames[own], pred[own]):
            is_switch = shared_pred[before] or shared_pred[after]
            yield ErrorRun('identity_switch' if is_switch else 'split', track, frame, 1)
    for track in range(num_pred):
        own = pred == track
        for frame, before, after in _changes(frames[own], gt[own]):
            if not (shared_gt[before] or shared_gt[after]):
                yield ErrorRun('merge', track, frame, 1)


def _changes(frames: IntArray, tracks: IntArray) -> Iterator[tuple[int, int, int]]:
    """Frame of every change in a sequence of matched tracks, and the tracks before and after."""
    change = np.flatnonzero(tracks[1:] != tracks[:-1]) + 1
    return zip(
        frames[change].tolist(), tracks[change - 1].tolist(), tracks[change].tolist(), strict=True
    )
