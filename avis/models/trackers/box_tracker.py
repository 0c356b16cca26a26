"""mmdet's trackers of boxes, with the masks carried along."""

from typing import Any

import numpy as np
import torch
from mmdet.registry import MODELS as MMDET_MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from numpy.typing import NDArray

from avis.models.trackers.detections import Detections
from avis.models.trackers.online import OnlineTracker
from avis.registry import MODELS

_HISTORY = 16  # entries a tracker looks back, beyond the frames for which it retains a track


@MODELS.register_module()
class BoxTracker(OnlineTracker):
    """Give the boxes of the masks to ByteTrack or OC-SORT of mmdet, and take its identities.

    Both follow boxes with a Kalman filter and look at no pixels. Boxes are tracked whatever their
    class is; the class of a track is decided over all its frames, as for every tracker.

    Args:
        tracker: Config of mmdet's ``ByteTracker`` or ``OCSORTTracker``, with its ``motion``. One is
            built for each video.
        kwargs: Of :class:`~avis.models.trackers.online.OnlineTracker`.
    """

    def __init__(self, *, tracker: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tracker = tracker
        self.new_memory()  # a mistake in the config shows here

    def new_memory(self) -> Any:
        """A new tracker of boxes."""
        return MMDET_MODELS.build(self.tracker)

    def assign(self, memory: Any, found: Detections) -> NDArray[np.int64]:
        """Identities of the detections of a frame, -1 for those that the tracker does not follow.

        The tracker returns its boxes in an order of its own; box and score tell which is which.
        """
        boxes, scores = torch.from_numpy(found.boxes), torch.from_numpy(found.scores)
        sample = DetDataSample(metainfo={'frame_id': found.frame})
        labels = torch.zeros(len(found), dtype=torch.int64)
        sample.pred_instances = InstanceData(bboxes=boxes, scores=scores, labels=labels)
        tracked = memory.track(sample)
        _cut_history(memory)
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
