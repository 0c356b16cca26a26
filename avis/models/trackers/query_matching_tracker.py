"""Online tracking by what the queries of a frame head look like."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.models.trackers.detections import Detections
from avis.models.trackers.matching import cosine, match, normalized
from avis.models.trackers.online import Memory, OnlineTracker
from avis.registry import MODELS


@dataclass
class _Remembered:
    """The latest embeddings of an instance, weighted by their scores."""

    embeds: deque[NDArray[np.float32]]
    last_frame: int


@MODELS.register_module()
class QueryMatchingTracker(OnlineTracker):
    """Match the queries of each frame to the instances remembered, by embedding alone.

    After MinVIS (Huang et al., NeurIPS 2022, arXiv:2208.02245): queries of the same instance are
    alike in neighbouring frames, so frame predictions are joined without any training on videos.
    As in CTVIS (Ying et al., ICCV 2023, arXiv:2307.12616), the memory is a mean over several
    frames, and certain frames weigh more. Instances may move, cross and come back; masks are not
    compared.

    Args:
        min_similarity: Cosine with the memory that makes a detection the same instance. Queries of
            different instances are alike too: a trained frame head needs a high one.
        new_track_score: Score a detection needs to begin a track.
        memory_frames: Embeddings remembered of an instance, the latest ones.
        max_gap: Frames without a detection after which an instance is forgotten.
        kwargs: Of :class:`~avis.models.trackers.online.OnlineTracker`.
    """

    def __init__(
        self,
        *,
        min_similarity: float = 0.8,
        new_track_score: float = 0.4,
        memory_frames: int = 10,
        max_gap: int = 60,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.min_similarity = min_similarity
        self.new_track_score = new_track_score
        self.memory_frames = memory_frames
        self.max_gap = max_gap

    def new_memory(self) -> Memory[_Remembered]:
        """Nobody."""
        return Memory()

    def assign(self, memory: Memory[_Remembered], found: Detections) -> NDArray[np.int64]:
        """Identities of the detections of a frame, -1 for one that is too weak to begin a track."""
        memory.forget(found.frame - self.max_gap)
        ids = np.full(len(found), -1)
        known = list(memory.ones)
        if known and len(found):
            means = np.stack([np.sum(memory.ones[number].embeds, axis=0) for number in known])
            for row, column in match(cosine(means, found.embeds), self.min_similarity):
                ids[column] = known[row]
        for index in np.flatnonzero((ids < 0) & (found.scores >= self.new_track_score)):
            ids[index] = memory.begin()
            memory.ones[int(ids[index])] = _Remembered(deque(maxlen=self.memory_frames), 0)
        weighted = normalized(found.embeds) * found.scores[:, None]
        for index in np.flatnonzero(ids >= 0):
            one = memory.ones[int(ids[index])]
            one.embeds.append(weighted[index])
            one.last_frame = found.frame
        return ids
