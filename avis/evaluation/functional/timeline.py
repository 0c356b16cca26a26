"""Timeline of one video: when each track has a mask, its matches, and its errors.

NumPy only: no torch, no mmengine, no I/O. The size depends on the number of changes, not on the
number of frames: three integers for each run of frames.
"""

from typing import TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.functional.array_types import BoolArray, IntArray
from avis.evaluation.functional.error_kinds import find_errors
from avis.evaluation.functional.overlap import Tracks, VideoOverlap

RunArray: TypeAlias = NDArray[np.int32]
# No track of the other side is matched.
UNMATCHED = -1
_ABSENT = -2


class TrackTimeline(TypedDict):
    """One track.

    Attributes:
        id: Id of the track.
        label: Its class.
        runs: First frame, number of frames, and index of the matched track of the other side or
            ``UNMATCHED``, for every run of frames in which the track has a mask, (R, 3).
    """

    id: int
    label: int
    runs: RunArray


class Timeline(TypedDict):
    """All tracks of a video and the errors of its prediction.

    Attributes:
        frames: T.
        gt: The gt tracks.
        pred: The predicted tracks.
        errors: By kind (:class:`avis.evaluation.functional.error_kinds.ErrorCounts`): index of the
            track, first frame and number of frames of every error, (E, 3). The index is one of
            ``pred`` for the kinds of ``PRED_KINDS``, else one of ``gt``.
    """

    frames: int
    gt: list[TrackTimeline]
    pred: list[TrackTimeline]
    errors: dict[str, RunArray]


def build_timeline(video: VideoOverlap, match: IntArray) -> Timeline:
    """Build the timeline of one video.

    Args:
        video: Overlaps of all classes without blank masks.
        match: Matches from :func:`avis.evaluation.functional.oracles.pair_masks`, (T, G).

    >>> from avis.evaluation.functional.oracles import pair_masks
    >>> from avis.evaluation.functional.overlap import TrackMasks
    >>> mask = {'size': [1, 1], 'counts': b'01'}
    >>> gt, pred = TrackMasks([[mask, mask, None]]), TrackMasks([[None, mask, mask]])
    >>> video = VideoOverlap.from_rles(gt, pred, size=(1, 1), num_frames=3)
    >>> timeline = build_timeline(video, pair_masks(video))
    >>> timeline['gt'][0]['runs'].tolist(), timeline['pred'][0]['runs'].tolist()
    ([[0, 1, -1], [1, 1, 0]], [[1, 1, 0], [2, 1, -1]])
    >>> {kind: runs.tolist() for kind, runs in timeline['errors'].items()}
    {'late_start': [[0, 0, 1]], 'late_end': [[0, 2, 1]]}
    """
    partner = np.full((len(video.pred), video.num_frames), UNMATCHED)
    frames, gt = np.nonzero(match >= 0)
    partner[match[frames, gt], frames] = gt
    errors: dict[str, list[tuple[int, int, int]]] = {}
    for run in find_errors(video, match):
        errors.setdefault(run.kind, []).append((run.track, run.start, run.length))
    return Timeline(
        frames=video.num_frames,
        gt=_tracks(video.gt, match.T),
        pred=_tracks(video.pred, partner),
        errors={kind: np.array(runs, np.int32) for kind, runs in errors.items()},
    )


def _tracks(tracks: Tracks, partner: IntArray) -> list[TrackTimeline]:
    """The timeline of each track of one side; ``partner`` is (N, T)."""
    rows = zip(tracks.ids.tolist(), tracks.labels.tolist(), tracks.present, partner, strict=True)
    return [
        TrackTimeline(id=track_id, label=label, runs=_runs(present, matched))
        for track_id, label, present, matched in rows
    ]


def _runs(present: BoolArray, partner: IntArray) -> RunArray:
    """The runs of one track, (R, 3); both arguments are (T,)."""
    values = np.where(present, partner, _ABSENT)
    starts = np.flatnonzero(np.diff(values, prepend=_ABSENT - 1))
    lengths = np.diff(starts, append=len(values))
    runs: RunArray = np.stack([starts, lengths, values[starts]], axis=1).astype(np.int32)
    return runs[runs[:, 2] != _ABSENT]
