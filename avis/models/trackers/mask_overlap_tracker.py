"""Online tracking by overlap and looks, for the masks of any frame head."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.models.trackers.detections import Detections
from avis.models.trackers.matching import cosine, mask_iou, match, normalized
from avis.models.trackers.online import Memory, OnlineTracker
from avis.registry import MODELS
from avis.structures.masks import RLE


@dataclass
class _Remembered:
    """Where an instance was last seen, and what it looks like."""

    rle: RLE
    embed: NDArray[np.float32]
    last_frame: int


@MODELS.register_module()
class MaskOverlapTracker(OnlineTracker):
    """Match the masks of each frame to the last masks of the instances remembered.

    The similarity of two masks is ``(1 - appearance) * overlap + appearance * cosine``: overlap is
    their intersection over union, cosine that of their embeddings. The longer an instance is away,
    the less its last mask tells: the overlap halves with every frame of absence, so in the end
    looks alone bring an instance back.

    Args:
        appearance: Weight of the embeddings, 0 to 1; 0 for a frame head whose embeddings mean
            nothing.
        min_similarity: Similarity that makes a detection the same instance. With the defaults looks
            alone bring it back at a cosine of 0.91.
        new_track_score: Score a detection needs to begin a track.
        momentum: Weight of the latest embedding in the memory.
        max_gap: Frames without a detection after which an instance is forgotten.
        kwargs: Of :class:`~avis.models.trackers.online.OnlineTracker`.
    """

    def __init__(
        self,
        *,
        appearance: float = 0.55,
        min_similarity: float = 0.5,
        new_track_score: float = 0.4,
        momentum: float = 0.2,
        max_gap: int = 30,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= appearance <= 1:
            raise ValueError(
                f'MaskOverlapTracker: appearance must lie in [0, 1], got {appearance!r}'
            )
        self.appearance = appearance
        self.min_similarity = min_similarity
        self.new_track_score = new_track_score
        self.momentum = momentum
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
            for row, column in match(self._similarity(memory, known, found), self.min_similarity):
                ids[column] = known[row]
        looks = normalized(found.embeds)
        for index in np.flatnonzero((ids >= 0) | (found.scores >= self.new_track_score)):
            if ids[index] < 0:
                ids[index] = memory.begin()
            before = memory.ones.get(int(ids[index]))
            embed = looks[index]
            if before is not None:
                embed = (1 - self.momentum) * before.embed + self.momentum * embed
            memory.ones[int(ids[index])] = _Remembered(found.rles[index], embed, found.frame)
        return ids

    def _similarity(
        self, memory: Memory[_Remembered], known: list[int], found: Detections
    ) -> NDArray[np.float64]:
        """Of known instances and detections, (M, N)."""
        ones = [memory.ones[number] for number in known]
        away = np.array([found.frame - one.last_frame - 1 for one in ones])
        overlap = mask_iou([one.rle for one in ones], found.rles) * 0.5 ** away[:, None]
        looks = cosine(np.stack([one.embed for one in ones]), found.embeds)
        return (1 - self.appearance) * overlap + self.appearance * looks
