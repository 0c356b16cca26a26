"""The online trackers, and how a test runs one of them on a scene."""

from typing import Any

import torch
from mmdet.models.task_modules.tracking import KalmanFilter
from mmdet.models.trackers import ByteTracker, OCSORTTracker
from mmengine.structures import InstanceData
from torch import nn

from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.trackers.box_tracker import BoxTracker
from avis.models.trackers.mask_overlap_tracker import MaskOverlapTracker
from avis.models.trackers.query_matching_tracker import QueryMatchingTracker
from avis.registry import MODELS
from avis.structures.masks import RLE
from tests.helpers.tracker_scenes import window

BYTE = {'type': ByteTracker, 'motion': {'type': KalmanFilter}, 'init_track_thr': 0.5}
OC = {'type': OCSORTTracker, 'motion': {'type': KalmanFilter}, 'init_track_thr': 0.5}
TRACKERS = {
    'query': {'type': QueryMatchingTracker},
    'overlap': {'type': MaskOverlapTracker},
    'byte': {'type': BoxTracker, 'tracker': BYTE},
    'oc': {'type': BoxTracker, 'tracker': OC},
}


def run(
    name: str,
    scene: FramePredictions,
    *,
    cuts: tuple[int, ...] = (),
    overlap: int = 0,
    gate: nn.Module | None = None,
    **settings: Any,
) -> InstanceData:
    """Track a scene given in windows that end at ``cuts``."""
    tracker = MODELS.build({**TRACKERS[name], **settings})
    state = tracker.start(gate)
    length = scene.class_logits.shape[1]
    start = 0
    for end in (*cuts, length):
        first = max(start - overlap, 0)
        part = scene.select(slice(first, end))
        tracker.update(state, part, torch.zeros(1, end - first, 4), window(first))
        start = end
    return tracker.finish(state)


def paths(found: InstanceData) -> list[list[RLE | None]]:
    """Masks of each track."""
    return [track.rles for track in found.masks]
