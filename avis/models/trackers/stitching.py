"""Stitch the tracks of overlapping windows, for trackers that process a window at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from mmengine.structures import InstanceData
from numpy.typing import NDArray

from avis.models.trackers.base import TrackerWindow
from avis.models.trackers.matching import cosine_similarity_matrix, match, tube_iou
from avis.structures.mask_track import MaskTrack
from avis.structures.masks import RLE

_MIN_IOU = 0.3  # over all shared frames; makes two tracks the same
_MIN_SIMILARITY = 0.7  # cosine of the embeddings; makes two tracks the same
_SAME_CLASS_BONUS = 1e-3  # breaks ties between equal masks of several classes


@dataclass(frozen=True)
class WindowTracks:
    """The N tracks of one window of T frames.

    Attributes:
        labels: Class indices, N.
        scores: Scores, N.
        embeds: Appearance embeddings, (N, C).
        rles: N lists of T masks at ``ori_shape``, None where absent.
        num_frames: T.
    """

    labels: Sequence[int]
    scores: Sequence[float]
    embeds: NDArray[np.floating]
    rles: Sequence[Sequence[RLE | None]]
    num_frames: int


@dataclass
class _StitchedTrack:
    """One track of the video so far."""

    embed: NDArray[np.floating]  # of its latest window, (C,)
    rles: dict[int, RLE] = field(default_factory=dict)  # by frame index
    votes: dict[int, float] = field(default_factory=lambda: defaultdict(float))  # by class
    num_frames: int = 0  # sum of the weights of the votes

    def add(self, tracks: WindowTracks, index: int, start: int, skip: int) -> None:
        """Append track ``index`` of a window, without its first ``skip`` frames."""
        self.embed = tracks.embeds[index]
        frames = max(tracks.num_frames - skip, 1)
        self.votes[int(tracks.labels[index])] += float(tracks.scores[index]) * frames
        self.num_frames += frames
        for frame in range(skip, tracks.num_frames):
            rle = tracks.rles[index][frame]
            if rle is not None:
                self.rles[start + frame] = rle

    def label_and_score(self) -> tuple[int, float]:
        """Return the class with the highest summed score, and its mean score over all frames."""
        label = max(self.votes, key=self.votes.__getitem__)
        return label, self.votes[label] / self.num_frames


class StitchedTracks:
    """The tracks of a video, stitched from those of its windows.

    Two tracks of neighboring windows that both have masks in the shared frames are the same
    instance if the IoU of these masks is at least 0.3. For tracks without masks there, or without
    shared frames, the cosine of the embeddings must be at least 0.7, so that an instance may return
    after an absence. Both steps take the best one-to-one pairs. In shared frames the masks of the
    earlier window are kept.

    The tracks of a single window are returned unchanged: order, classes, scores and masks.
    """

    def __init__(self) -> None:
        self.length = 0  # frames so far
        self._size: tuple[int, int] | None = None
        self._tracks: list[_StitchedTrack] = []

    def add(self, tracks: WindowTracks, window: TrackerWindow) -> None:
        """Add the tracks of the next window.

        Raises:
            ValueError: The window leaves a gap, has another frame size, or ends before the frames
                processed so far.
        """
        end = window.start + tracks.num_frames
        check_window(window, self.length, self._size)
        if end < self.length:
            raise ValueError(
                f'expected a window that ends at frame {self.length} or later, got one that ends '
                f'at frame {end}'
            )
        self._size = window.ori_shape
        pairs = self._match(tracks, window.start)
        skip = self.length - window.start
        for index in range(len(tracks.labels)):
            track = pairs.get(index)
            if track is None:
                track = _StitchedTrack(tracks.embeds[index])
                self._tracks.append(track)
            track.add(tracks, index, window.start, skip)
        self.length = end

    def _match(self, tracks: WindowTracks, start: int) -> dict[int, _StitchedTrack]:
        """Return the existing track of each track of the window, by index in the window."""
        known = self._tracks
        if not known or not len(tracks.labels):
            return {}
        shared = range(start, self.length)
        iou, visible = tube_iou(
            [[track.rles.get(frame) for frame in shared] for track in known],
            [rles[: len(shared)] for rles in tracks.rles],
        )
        labels = np.array([track.label_and_score()[0] for track in known])
        bonus = _SAME_CLASS_BONUS * (labels[:, None] == np.array(tracks.labels)[None])
        pairs = match(np.where(visible, iou + bonus, -np.inf), _MIN_IOU)
        similarity = cosine_similarity_matrix(
            np.stack([track.embed for track in known]), tracks.embeds
        )
        similarity[visible] = -np.inf  # decided by the masks
        similarity[[row for row, _ in pairs]] = -np.inf
        similarity[:, [column for _, column in pairs]] = -np.inf
        pairs += match(similarity + bonus, _MIN_SIMILARITY)
        return {column: known[row] for row, column in pairs}

    def to_instances(self) -> InstanceData:
        """Return the tracks; see :meth:`~avis.models.trackers.base.Tracker.finish`."""
        kept = [(track_id, track) for track_id, track in enumerate(self._tracks) if track.rles]
        labels_and_scores = [track.label_and_score() for _, track in kept]
        return to_instances(
            ids=[track_id for track_id, _ in kept],
            labels=[label for label, _ in labels_and_scores],
            scores=[score for _, score in labels_and_scores],
            rles=[track.rles for _, track in kept],
            size=self._size or (0, 0),
            length=self.length,
        )


def check_window(window: TrackerWindow, length: int, size: tuple[int, int] | None) -> None:
    """Check that a window continues ``length`` processed frames of ``size``.

    Raises:
        ValueError: It leaves a gap, or has another frame size.
    """
    if window.start > length:
        raise ValueError(
            f'expected a window that starts at frame {length} or before, got one that starts at '
            f'frame {window.start}; process the windows in order, without gaps'
        )
    if size is not None and window.ori_shape != size:
        raise ValueError(f'expected frames of size {size} as before, got size {window.ori_shape}')


def to_instances(
    *,
    ids: Sequence[int],
    labels: Sequence[int],
    scores: Sequence[float],
    rles: Sequence[dict[int, RLE]],
    size: tuple[int, int],
    length: int,
) -> InstanceData:
    """Build the result of ``Tracker.finish``; ``rles`` are N dicts from frame index to mask."""
    return InstanceData(
        ids=torch.tensor(ids, dtype=torch.int64),
        labels=torch.tensor(labels, dtype=torch.int64),
        scores=torch.tensor(scores, dtype=torch.float32),
        masks=[MaskTrack(*size, [masks.get(frame) for frame in range(length)]) for masks in rles],
    )
