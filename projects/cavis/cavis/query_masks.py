"""Masks of the queries of a video, encoded window by window."""

from dataclasses import dataclass

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.trackers.base import TrackerWindow
from avis.models.trackers.detections import encode_logits
from avis.models.trackers.stitching import check_window, to_instances
from avis.structures.masks import RLE


@dataclass
class _Window:
    frames: FramePredictions
    mask_embeds: Tensor  # (1, T, Q, C)
    window: TrackerWindow
    start: int  # index of its first frame in the video


class QueryMasks:
    """Masks of all queries, as RLE; those of the last window are computed when they are needed.

    Which queries become tracks is known at the end of the video. Of a video of one window only
    their masks are computed.
    """

    def __init__(self) -> None:
        self.length = 0  # frames so far
        self._last: _Window | None = None
        self._rles: dict[int, dict[int, RLE]] = {}  # by query and frame

    def start_window(self, window: TrackerWindow) -> int:
        """Return how many of the first frames of a window were processed before."""
        size = None if self._last is None else self._last.window.ori_shape
        check_window(window, self.length, size)
        return self.length - window.start

    def add(self, frames: FramePredictions, mask_embeds: Tensor, window: TrackerWindow) -> None:
        """Add new frames with the mask embeddings (1, T, Q, C) of their queries."""
        if self._last is not None:
            self._encode(list(range(self._last.mask_embeds.shape[2])))
        self._last = _Window(frames, mask_embeds, window, self.length)
        self.length += mask_embeds.shape[1]

    def to_instances(self, queries: Tensor, labels: Tensor, scores: Tensor) -> InstanceData:
        """Return tracks, each a query with a class; see ``Tracker.finish``."""
        if self._last is None:
            empty: dict[str, list] = {'ids': [], 'labels': [], 'scores': [], 'rles': []}
            return to_instances(**empty, size=(0, 0), length=0)
        queries, labels, scores = queries.cpu(), labels.cpu(), scores.cpu()
        self._encode(queries.unique().tolist())
        return to_instances(
            ids=list(range(len(queries))),
            labels=labels.tolist(),
            scores=scores.tolist(),
            rles=[self._rles.get(query, {}) for query in queries.tolist()],
            size=self._last.window.ori_shape,
            length=self.length,
        )

    def _encode(self, queries: list[int]) -> None:
        """Encode the masks of some queries in the frames of the last window."""
        last = self._last
        assert last is not None
        index = torch.tensor(queries, dtype=torch.long)
        index = index.to(last.mask_embeds.device, non_blocking=True)
        for t in range(last.mask_embeds.shape[1]):
            logits = last.frames.mask_logits(
                frames=slice(t, t + 1), queries=index, mask_embeds=last.mask_embeds
            )
            rles = encode_logits(logits[0, 0].float(), last.window)
            for query, rle in zip(queries, rles, strict=True):
                if rle is not None:
                    self._rles.setdefault(query, {})[last.start + t] = rle
