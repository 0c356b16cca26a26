"""Online tracking by mask overlap and appearance, for the masks of any frame head."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.models.trackers.detections import Detections
from avis.models.trackers.matching import cosine_similarity_matrix, mask_iou, match, normalize
from avis.models.trackers.online import OnlineTracker, TrackMemory
from avis.registry import MODELS
from avis.structures.masks import RLE

_MOMENTUM = 0.2  # weight of the latest embedding in the embedding of a track


@dataclass
class _TrackState:
    """Latest mask of a track, and the moving average of its embeddings, (C,)."""

    rle: RLE
    embed: NDArray[np.float32]
    last_frame: int


@MODELS.register_module()
class MaskOverlapTracker(OnlineTracker):
    """Match the masks of each frame to the latest masks of the existing tracks.

    The similarity of track and detection is ``(1 - appearance) * overlap + appearance * cosine``:
    overlap is the intersection over union of their masks, cosine that of their embeddings. The
    longer a track has no detection, the less its latest mask tells: the overlap is halved for every
    missed frame, so after a long absence the appearance alone decides.

    Args:
        appearance: Weight of the embeddings, 0 to 1; 0 for a frame head whose embeddings do not
            describe the instance.
        min_similarity: Similarity that a match needs. With the defaults a long-absent track is
            matched by appearance alone at a cosine of 0.91 or more.
        new_track_score: Score that a detection needs to start a track.
        max_age: Frames without a detection after which a track is removed.
        kwargs: Arguments of :class:`~avis.models.trackers.online.OnlineTracker`.
    """

    def __init__(
        self,
        *,
        appearance: float = 0.55,
        min_similarity: float = 0.5,
        new_track_score: float = 0.4,
        max_age: int = 30,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= appearance <= 1:
            raise ValueError(
                f'MaskOverlapTracker: expected appearance in [0, 1], got {appearance!r}'
            )
        self.appearance = appearance
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
            similarity = self._similarity([memory.states[track] for track in known], detections)
            for row, column in match(similarity, self.min_similarity):
                ids[column] = known[row]
        embeds = normalize(detections.embeds)
        for index in np.flatnonzero((ids >= 0) | (detections.scores >= self.new_track_score)):
            if ids[index] < 0:
                ids[index] = memory.new_id()
            before = memory.states.get(int(ids[index]))
            embed = embeds[index]
            if before is not None:
                embed = (1 - _MOMENTUM) * before.embed + _MOMENTUM * embed
            state = _TrackState(detections.rles[index], embed, detections.frame)
            memory.states[int(ids[index])] = state
        return ids

    def _similarity(self, tracks: list[_TrackState], detections: Detections) -> NDArray[np.float64]:
        """Return the similarities (M, N) of M tracks and N detections."""
        missed = np.array([detections.frame - track.last_frame - 1 for track in tracks])
        overlap = mask_iou([track.rle for track in tracks], detections.rles)
        overlap = overlap * 0.5 ** missed[:, None]
        embeds = np.stack([track.embed for track in tracks])
        cosine = cosine_similarity_matrix(embeds, detections.embeds)
        return (1 - self.appearance) * overlap + self.appearance * cosine
