"""Online tracking by what the queries of a frame head look like."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.trackers.base import Tracker, Window
from avis.models.trackers.detections import Detections, Detector
from avis.models.trackers.matching import cosine, match, normalized
from avis.models.trackers.track_store import TrackStore
from avis.registry import MODELS


@dataclass
class _Remembered:
    """The latest embeddings of an instance, weighted by their scores."""

    embeds: deque[NDArray[np.float32]]
    last_frame: int


@dataclass
class _State:
    store: TrackStore
    gate: nn.Module | None
    memory: dict[int, _Remembered] = field(default_factory=dict)
    next_id: int = 0


@MODELS.register_module()
class QueryMatchingTracker(Tracker):
    """Match the queries of each frame to the instances remembered, by embedding alone.

    After MinVIS (Huang et al., NeurIPS 2022, arXiv:2208.02245): queries of the same instance are
    alike in neighbouring frames, so frame predictions are joined without any training on videos.
    As in CTVIS (Ying et al., ICCV 2023, arXiv:2307.12616), the memory is a mean over several
    frames, and certain frames weigh more. Instances may move, cross and come back; masks are not
    compared.

    Args:
        detector: See :class:`~avis.models.trackers.detections.Detector`; None for its defaults.
        min_similarity: Cosine with the memory that makes a detection the same instance. Queries of
            different instances are alike too: a trained frame head needs a high one.
        new_track_score: Score a detection needs to begin a track.
        memory_frames: Embeddings remembered of an instance, the latest ones.
        max_gap: Frames without a detection after which an instance is forgotten.
        min_frames: Tracks with masks in fewer frames are left out.
        max_tracks: Most tracks of a video.
    """

    def __init__(
        self,
        *,
        detector: dict[str, Any] | None = None,
        min_similarity: float = 0.8,
        new_track_score: float = 0.4,
        memory_frames: int = 10,
        max_gap: int = 60,
        min_frames: int = 1,
        max_tracks: int = 100,
    ) -> None:
        super().__init__()
        self.detector = Detector() if detector is None else MODELS.build(detector)
        self.min_similarity = min_similarity
        self.new_track_score = new_track_score
        self.memory_frames = memory_frames
        self.max_gap = max_gap
        self.min_frames = min_frames
        self.max_tracks = max_tracks

    def start(self, gate: nn.Module | None = None) -> _State:
        """Nothing seen, nothing remembered."""
        return _State(TrackStore(min_frames=self.min_frames, max_tracks=self.max_tracks), gate)

    def update(
        self, state: _State, frames: FramePredictions, audio: Tensor, window: Window
    ) -> None:
        """Take in the frames of a window that are new, one by one."""
        skip = state.store.open(window)
        for found in self.detector(frames, audio, window, gate=state.gate, skip=skip):
            state.store.add(found, self._assign(state, found))

    def finish(self, state: _State) -> InstanceData:
        """The tracks."""
        return state.store.to_instances()

    def _assign(self, state: _State, found: Detections) -> NDArray[np.int64]:
        """Identities of the detections of a frame, -1 for one that is too weak to begin a track."""
        for number in [n for n, one in state.memory.items() if self._forgotten(one, found.frame)]:
            del state.memory[number]
        ids = np.full(len(found), -1)
        known = list(state.memory)
        if known and len(found):
            means = np.stack([np.sum(state.memory[number].embeds, axis=0) for number in known])
            for row, column in match(cosine(means, found.embeds), self.min_similarity):
                ids[column] = known[row]
        for index in np.flatnonzero((ids < 0) & (found.scores >= self.new_track_score)):
            ids[index] = state.next_id
            state.memory[state.next_id] = _Remembered(deque(maxlen=self.memory_frames), 0)
            state.next_id += 1
        weighted = normalized(found.embeds) * found.scores[:, None]
        for index in np.flatnonzero(ids >= 0):
            one = state.memory[int(ids[index])]
            one.embeds.append(weighted[index])
            one.last_frame = found.frame
        return ids

    def _forgotten(self, one: _Remembered, frame: int) -> bool:
        return frame - one.last_frame > self.max_gap
