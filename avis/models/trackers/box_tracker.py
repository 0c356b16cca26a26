"""Trackers of boxes from mmdet, applied to the boxes of the masks."""

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

_HISTORY = 16  # entries that a tracker reads back, beyond the frames for which it retains a track


@MODELS.register_module()
class BoxTracker(OnlineTracker):
    """Track the boxes of the masks with ByteTrack or OC-SORT of mmdet.

    Both predict boxes with a Kalman filter and do not compare appearance. Boxes are tracked
    independently of their classes; the class of a track is decided over all its frames, as in every
    tracker.

    Sources: Zhang et al., *ByteTrack*, ECCV 2022 (arXiv:2110.06864); Cao et al., *Observation-
    Centric SORT*, CVPR 2023 (arXiv:2203.14360); both as implemented in mmdet.

    Args:
        tracker: Config of mmdet's ``ByteTracker`` or ``OCSORTTracker``, with its ``motion``. One is
            built for each video.
        kwargs: Arguments of :class:`~avis.models.trackers.online.OnlineTracker`.
    """

    def __init__(self, *, tracker: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tracker = tracker
        self.init_memory()  # raises early for an invalid config

    def init_memory(self) -> Any:
        """Return a new tracker of mmdet."""
        return MMDET_MODELS.build(self.tracker)

    def assign(self, memory: Any, detections: Detections) -> NDArray[np.int64]:
        """Return track ids (N,), -1 for detections that the tracker does not track.

        The tracker returns its boxes in an order of its own; box and score identify the detection.
        """
        boxes, scores = torch.from_numpy(detections.boxes), torch.from_numpy(detections.scores)
        sample = DetDataSample(metainfo={'frame_id': detections.frame})
        labels = torch.zeros(len(detections), dtype=torch.int64)
        sample.pred_instances = InstanceData(bboxes=boxes, scores=scores, labels=labels)
        tracked = memory.track(sample)
        _cut_history(memory)
        ids = np.full(len(detections), -1)
        keys = torch.cat([boxes, scores[:, None]], 1)
        for box, score, track_id in zip(
            tracked.bboxes, tracked.scores, tracked.instances_id.tolist(), strict=True
        ):
            same = (keys == torch.cat([box, score[None]])).all(1).numpy() & (ids < 0)
            ids[np.flatnonzero(same)[0]] = track_id
        return ids


def _cut_history(tracker: Any) -> None:
    """Delete entries that the tracker never reads again: its lists grow with every frame."""
    for track in tracker.tracks.values():
        for values in track.values():
            if isinstance(values, list):
                del values[: -(tracker.num_frames_retain + _HISTORY)]
