"""What an online tracker has found so far: masks as run lengths, nothing dense."""

from dataclasses import dataclass, field

import numpy as np
from mmengine.structures import InstanceData
from numpy.typing import NDArray

from avis.models.trackers.base import Window
from avis.models.trackers.detections import Detections
from avis.models.trackers.stitching import check_window, to_instances
from avis.structures.masks import RLE


@dataclass
class _Track:
    """One instance: the sum of its class scores, and its masks by frame."""

    class_scores: NDArray[np.float64]
    count: int = 0
    rles: dict[int, RLE] = field(default_factory=dict)

    @property
    def mean(self) -> NDArray[np.float64]:
        return self.class_scores / self.count


class TrackStore:
    """The tracks of a video, filled frame by frame.

    The class of a track is the best one of its class scores averaged over the frames in which it
    was detected, its score is that average.

    Args:
        min_frames: Tracks with masks in fewer frames are left out.
        max_tracks: At most so many tracks come out, those with the best scores.
    """

    def __init__(self, *, min_frames: int = 1, max_tracks: int = 100) -> None:
        self.min_frames = min_frames
        self.max_tracks = max_tracks
        self.length = 0  # frames so far
        self._size: tuple[int, int] | None = None
        self._tracks: dict[int, _Track] = {}

    def open(self, window: Window) -> int:
        """Check that a window goes on where the last one ended.

        Returns:
            How many of its frames are known already.
        """
        check_window(window, self.length, self._size)
        self._size = window.ori_shape
        return self.length - window.start

    def add(self, detections: Detections, ids: NDArray[np.int64]) -> None:
        """Take in the next frame; an identity below 0 belongs to no track."""
        self.length = detections.frame + 1
        for index, number in enumerate(ids.tolist()):
            if number < 0:
                continue
            scores = detections.class_scores[index].astype(np.float64)
            track = self._tracks.setdefault(number, _Track(np.zeros_like(scores)))
            track.class_scores += scores
            track.count += 1
            if detections.reported[index]:
                track.rles[detections.frame] = detections.rles[index]

    def to_instances(self) -> InstanceData:
        """The tracks in the order of their first detection, see ``Tracker.finish``."""
        kept = {
            number: track
            for number, track in self._tracks.items()
            if len(track.rles) >= max(self.min_frames, 1)
        }
        best = sorted(kept, key=lambda number: -kept[number].mean.max())[: self.max_tracks]
        numbers = sorted(best)
        return to_instances(
            ids=numbers,
            labels=[int(kept[number].mean.argmax()) for number in numbers],
            scores=[float(kept[number].mean.max()) for number in numbers],
            rles=[kept[number].rles for number in numbers],
            size=self._size or (0, 0),
            length=self.length,
        )
