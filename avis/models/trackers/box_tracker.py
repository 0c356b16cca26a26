"""mmdet's trackers of boxes, with the masks carried along."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet.registry import MODELS as MMDET_MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.trackers.base import Tracker, Window
from avis.models.trackers.detections import Detections, Detector
from avis.models.trackers.track_store import TrackStore
from avis.registry import MODELS

_HISTORY = 16  # entries a tracker looks back, beyond the frames for which it retains a track


@dataclass
class _State:
    store: TrackStore
    gate: nn.Module | None
    boxes: Any  # mmdet's tracker


@MODELS.register_module()
class BoxTracker(Tracker):
    """Give the boxes of the masks to ByteTrack or OC-SORT of mmdet, and take its identities.

    Both follow boxes with a Kalman filter and look at no pixels. Boxes are tracked whatever their
    class is; the class of a track is decided over all its frames, as for every tracker.

    Args:
        tracker: Config of mmdet's ``ByteTracker`` or ``OCSORTTracker``, with its ``motion``. One is
            built for each video.
        detector: See :class:`~avis.models.trackers.detections.Detector`; None for its defaults.
        min_frames: Tracks with masks in fewer frames are left out.
        max_tracks: Most tracks of a video.
    """

    def __init__(
        self,
        *,
        tracker: dict[str, Any],
        detector: dict[str, Any] | None = None,
        min_frames: int = 1,
        max_tracks: int = 100,
    ) -> None:
        super().__init__()
        self.tracker = tracker
        self.detector = Detector() if detector is None else MODELS.build(detector)
        self.min_frames = min_frames
        self.max_tracks = max_tracks
        self.start()  # a mistake in the config shows here

    def start(self, gate: nn.Module | None = None) -> _State:
        """Nothing seen, and a new tracker of boxes."""
        store = TrackStore(min_frames=self.min_frames, max_tracks=self.max_tracks)
        return _State(store, gate, MMDET_MODELS.build(self.tracker))

    def update(
        self, state: _State, frames: FramePredictions, audio: Tensor, window: Window
    ) -> None:
        """Take in the frames of a window that are new, one by one."""
        skip = state.store.open(window)
        for found in self.detector(frames, audio, window, gate=state.gate, skip=skip):
            state.store.add(found, self._assign(state.boxes, found))

    def finish(self, state: _State) -> InstanceData:
        """The tracks."""
        return state.store.to_instances()

    def _assign(self, tracker: Any, found: Detections) -> NDArray[np.int64]:
        """Identities of the detections of a frame, -1 for those that the tracker does not follow.

        The tracker returns its boxes in an order of its own; box and score tell which is which.
        """
        boxes, scores = torch.from_numpy(found.boxes), torch.from_numpy(found.scores)
        sample = DetDataSample(metainfo={'frame_id': found.frame})
        labels = torch.zeros(len(found), dtype=torch.int64)
        sample.pred_instances = InstanceData(bboxes=boxes, scores=scores, labels=labels)
        tracked = tracker.track(sample)
        _cut_history(tracker)
        ids = np.full(len(found), -1)
        rows = torch.cat([boxes, scores[:, None]], 1)
        for box, score, number in zip(
            tracked.bboxes, tracked.scores, tracked.instances_id.tolist(), strict=True
        ):
            same = (rows == torch.cat([box, score[None]])).all(1).numpy() & (ids < 0)
            ids[np.flatnonzero(same)[0]] = number
        return ids


def _cut_history(tracker: Any) -> None:
    """Forget what the tracker never reads again: its lists grow with every frame of a track."""
    for track in tracker.tracks.values():
        for values in track.values():
            if isinstance(values, list):
                del values[: -(tracker.num_frames_retain + _HISTORY)]
