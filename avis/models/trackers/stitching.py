"""Identities across overlapping windows, for trackers that see a window of frames at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from mmengine.structures import InstanceData
from numpy.typing import NDArray

from avis.models.trackers.base import Window
from avis.models.trackers.matching import cosine, match, tube_iou
from avis.structures.mask_track import MaskTrack
from avis.structures.masks import RLE

_SAME_CLASS = 1e-3  # decides between equal masks of several classes


@dataclass(frozen=True)
class WindowTracks:
    """The N tracks that a tracker found in one window of T frames.

    Attributes:
        labels: Classes, N.
        scores: Confidences, N.
        embeds: What tells instances apart, (N, C).
        rles: N times T masks at ``ori_shape``, None where absent.
        num_frames: T.
    """

    labels: Sequence[int]
    scores: Sequence[float]
    embeds: NDArray[np.floating]
    rles: Sequence[Sequence[RLE | None]]
    num_frames: int


@dataclass
class _Identity:
    """One instance so far."""

    embed: NDArray[np.floating]  # of its latest window
    last_window: int
    rles: dict[int, RLE] = field(default_factory=dict)
    votes: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    num_frames: int = 0  # by which the votes were weighted

    def add(self, tracks: WindowTracks, index: int, start: int, skip: int) -> None:
        """Take in one track of a window, without its first ``skip`` frames."""
        self.embed = tracks.embeds[index]
        frames = max(tracks.num_frames - skip, 1)
        self.votes[int(tracks.labels[index])] += float(tracks.scores[index]) * frames
        self.num_frames += frames
        for place in range(skip, tracks.num_frames):
            rle = tracks.rles[index][place]
            if rle is not None:
                self.rles[start + place] = rle

    def label_and_score(self) -> tuple[int, float]:
        """The class with the most confidence, and its mean confidence over all frames."""
        label = max(self.votes, key=self.votes.__getitem__)
        return label, self.votes[label] / self.num_frames


class StitchedTracks:
    """The tracks of a video, joined from those of its windows.

    Two tracks of neighbouring windows that are both seen in the frames that the windows share are
    the same instance if their masks overlap there. Of tracks that are not seen there, or without
    shared frames, the embeddings decide; so an instance that was away may return. Both times the
    best one-to-one pairs are taken. In shared frames the masks of the earlier window stay.

    One window comes back as it was given: order, classes, scores and masks.

    Args:
        min_iou: Overlap, over all shared frames, that makes two tracks the same.
        min_similarity: Cosine of the embeddings that makes two tracks the same.
        memory: Windows after which an instance that did not appear is forgotten; None for never.
    """

    def __init__(
        self, *, min_iou: float = 0.3, min_similarity: float = 0.7, memory: int | None = None
    ) -> None:
        self.min_iou = min_iou
        self.min_similarity = min_similarity
        self.memory = memory
        self.length = 0  # frames so far
        self._size: tuple[int, int] | None = None
        self._windows = 0
        self._known: list[_Identity] = []

    def add(self, tracks: WindowTracks, window: Window) -> None:
        """Take in the tracks of the next window.

        Raises:
            ValueError: It leaves a gap, has another size, or ends before the frames so far do.
        """
        end = window.start + tracks.num_frames
        check_window(window, self.length, self._size)
        if end < self.length:
            raise ValueError(
                f'a window ends at frame {end}, but {self.length} frames are tracked already'
            )
        self._size = window.ori_shape
        pairs = self._match(tracks, window.start)
        skip = self.length - window.start
        for index in range(len(tracks.labels)):
            identity = pairs.get(index)
            if identity is None:
                identity = _Identity(tracks.embeds[index], self._windows)
                self._known.append(identity)
            identity.last_window = self._windows
            identity.add(tracks, index, window.start, skip)
        self.length = end
        self._windows += 1

    def _match(self, tracks: WindowTracks, start: int) -> dict[int, _Identity]:
        """Which track of the window is which known instance."""
        known = [
            identity
            for identity in self._known
            if self.memory is None or self._windows - identity.last_window <= self.memory
        ]
        if not known or not len(tracks.labels):
            return {}
        shared = range(start, self.length)
        iou, seen = tube_iou(
            [[identity.rles.get(frame) for frame in shared] for identity in known],
            [rles[: len(shared)] for rles in tracks.rles],
        )
        labels = np.array([identity.label_and_score()[0] for identity in known])
        bonus = _SAME_CLASS * (labels[:, None] == np.array(tracks.labels)[None])
        pairs = match(np.where(seen, iou + bonus, -np.inf), self.min_iou)
        similarity = cosine(np.stack([identity.embed for identity in known]), tracks.embeds)
        similarity[seen] = -np.inf  # the masks have decided
        similarity[[row for row, _ in pairs]] = -np.inf
        similarity[:, [column for _, column in pairs]] = -np.inf
        pairs += match(similarity + bonus, self.min_similarity)
        return {column: known[row] for row, column in pairs}

    def to_instances(self) -> InstanceData:
        """The tracks; see :meth:`~avis.models.trackers.base.Tracker.finish`."""
        kept = [(number, one) for number, one in enumerate(self._known) if one.rles]
        verdicts = [identity.label_and_score() for _, identity in kept]
        return to_instances(
            ids=[number for number, _ in kept],
            labels=[label for label, _ in verdicts],
            scores=[score for _, score in verdicts],
            rles=[identity.rles for _, identity in kept],
            size=self._size or (0, 0),
            length=self.length,
        )


def check_window(window: Window, length: int, size: tuple[int, int] | None) -> None:
    """Raise ValueError unless a window goes on where ``length`` frames of ``size`` ended."""
    if window.start > length:
        raise ValueError(
            f'a window starts at frame {window.start}, but only {length} frames came before it. '
            f'Feed the windows in order, without gaps.'
        )
    if size is not None and window.ori_shape != size:
        raise ValueError(f'frames of size {window.ori_shape} follow frames of size {size}')


def to_instances(
    *,
    ids: Sequence[int],
    labels: Sequence[int],
    scores: Sequence[float],
    rles: Sequence[dict[int, RLE]],
    size: tuple[int, int],
    length: int,
) -> InstanceData:
    """Tracks as models return them; ``rles`` are N dicts of masks by frame."""
    return InstanceData(
        ids=torch.tensor(ids, dtype=torch.int64),
        labels=torch.tensor(labels, dtype=torch.int64),
        scores=torch.tensor(scores, dtype=torch.float32),
        masks=[MaskTrack(*size, [masks.get(frame) for frame in range(length)]) for masks in rles],
    )
