"""Online tracking by the query embeddings of a frame head."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.models.trackers.detections import Detections
from avis.models.trackers.matching import cosine_similarity_matrix, match, normalize
from avis.models.trackers.online import OnlineTracker, TrackMemory
from avis.registry import MODELS

_MEMORY_FRAMES = 10  # embeddings kept per track, as in CTVIS


@dataclass
class _TrackState:
    """The latest embeddings of a track, each (C,) and weighted by its score."""

    embeds: deque[NDArray[np.float32]]
    last_frame: int


@MODELS.register_module()
class QueryMatchingTracker(OnlineTracker):
    """Match the queries of each frame to the existing tracks by embedding alone.

    After MinVIS (Huang et al., NeurIPS 2022, arXiv:2208.02245): queries of the same instance are
    similar in neighboring frames, so frame predictions are associated without any training on
    videos. As in CTVIS (Ying et al., ICCV 2023, arXiv:2307.12616), the embedding of a track is a
    mean over its latest 10 frames in which confident detections weigh more. Instances may move,
    cross and return; masks are not compared.

    Args:
        min_similarity: Cosine with the track embedding that a match needs. Queries of different
            instances are similar too: a trained frame head needs a high threshold.
        new_track_score: Score that a detection needs to start a track.
        max_age: Frames without a detection after which a track is removed.
        kwargs: Arguments of :class:`~avis.models.trackers.online.OnlineTracker`.
    """

    def __init__(
        self,
        *,
        min_similarity: float = 0.8,
        new_track_score: float = 0.4,
        max_age: int = 60,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.min_similarity = min_similarity
        self.new_track_score = new_track_score
        self.max_age = max_age

    def init_memory(self) -> TrackMemory[_TrackState]:
        """Return a memory without tracks."""
        return TrackMemory()

    def assign(self, memory: TrackMemory[_TrackState], detections: Detections) -> NDArray[np.int64]:
        """Return track ids (N,), -1 for a detection whose score is too low to start a track."""
        memory.remove_lost(detections.frame - self.max_age)
        ids = np.full(len(detections), -1)
        known = list(memory.states)
        if known and len(detections):
            means = np.stack([np.sum(memory.states[track].embeds, axis=0) for track in known])
            similarity = cosine_similarity_matrix(means, detections.embeds)
            for row, column in match(similarity, self.min_similarity):
                ids[column] = known[row]
        for index in np.flatnonzero((ids < 0) & (detections.scores >= self.new_track_score)):
            ids[index] = memory.new_id()
            memory.states[int(ids[index])] = _TrackState(deque(maxlen=_MEMORY_FRAMES), 0)
        weighted = normalize(detections.embeds) * detections.scores[:, None]
        for index in np.flatnonzero(ids >= 0):
            state = memory.states[int(ids[index])]
            state.embeds.append(weighted[index])
            state.last_frame = detections.frame
        return ids
