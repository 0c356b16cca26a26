"""The tracks of an online tracker so far, with masks as RLE: no dense mask is kept."""

from dataclasses import dataclass, field

import numpy as np
from mmengine.structures import InstanceData
from numpy.typing import NDArray

from avis.models.trackers.base import TrackerWindow
from avis.models.trackers.detections import Detections
from avis.models.trackers.stitching import check_window, to_instances
from avis.structures.masks import RLE


@dataclass
class _Track:
    """One track: the sum of its class scores (K,), and its masks by frame index."""

    class_scores: NDArray[np.float64]
    count: int = 0
    rles: dict[int, RLE] = field(default_factory=dict)

    @property
    def mean(self) -> NDArray[np.float64]:
        return self.class_scores / self.count


class TrackStore:
    """The tracks of a video, filled frame by frame.

    The class of a track is the best one of its class scores averaged over the frames in which it
    was detected; its score is that average.

    Args:
        min_frames: Tracks with masks in fewer frames are dropped.
        max_tracks: Largest number of tracks; those with the best scores are kept.
    """

    def __init__(self, *, min_frames: int = 1, max_tracks: int = 100) -> None:
        self.min_frames = min_frames
        self.max_tracks = max_tracks
        self.length = 0  # frames so far
        self._size: tuple[int, int] | None = None
        self._tracks: dict[int, _Track] = {}

    def start_window(self, window: TrackerWindow) -> int:
        """Check that a window continues where the last one ended.

        Returns:
            Number of its leading frames that were processed already.
        """
        check_window(window, self.length, self._size)
        self._size = window.ori_shape
        return self.length - window.start

    def add(self, detections: Detections, ids: NDArray[np.int64]) -> None:
        """Add the detections of the next frame; ``ids`` (N,) below 0 belong to no track."""
        self.length = detections.frame + 1
        for index, track_id in enumerate(ids.tolist()):
            if track_id < 0:
                continue
            scores = detections.class_scores[index].astype(np.float64)
            track = self._tracks.setdefault(track_id, _Track(np.zeros_like(scores)))
            track.class_scores += scores
            track.count += 1
            if detections.sounding[index]:
                track.rles[detections.frame] = detections.rles[index]

    def to_instances(self) -> InstanceData:
        """Return the tracks in the order of their first detection, see ``Tracker.finish``."""
        kept = {
            track_id: track
            for track_id, track in self._tracks.items()
            if len(track.rles) >= max(self.min_frames, 1)
        }
        best = sorted(kept, key=lambda track_id: -kept[track_id].mean.max())[: self.max_tracks]
        ids = sorted(best)
        return to_instances(
            ids=ids,
            labels=[int(kept[track_id].mean.argmax()) for track_id in ids],
            scores=[float(kept[track_id].mean.max()) for track_id in ids],
            rles=[kept[track_id].rles for track_id in ids],
            size=self._size or (0, 0),
            length=self.length,
        )
