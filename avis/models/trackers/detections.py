"""Select detections from the predictions of a frame head and compute their masks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.trackers.base import TrackerWindow
from avis.models.trackers.matching import mask_iou
from avis.registry import MODELS
from avis.structures.masks import RLE

_CHUNK_PIXELS = 1 << 23  # of logits resized at once: 32 MB, or one mask if that is larger


@dataclass(frozen=True)
class Detections:
    """The N instances detected in one frame, by falling score.

    Attributes:
        frame: Index of the frame in the video.
        class_scores: Probability of each class times the mask score, (N, K).
        embeds: Query embedding of each instance, (N, C).
        rles: N masks at ``ori_shape``, none empty.
        sounding: bool (N,), False for a silent instance: it is tracked, but its mask is not
            reported.
    """

    frame: int
    class_scores: NDArray[np.float32]
    embeds: NDArray[np.float32]
    rles: list[RLE]
    sounding: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rles)

    @property
    def scores(self) -> NDArray[np.float32]:
        """Score of the best class, (N,)."""
        scores: NDArray[np.float32] = self.class_scores.max(axis=1, initial=0)
        return scores

    @property
    def boxes(self) -> NDArray[np.float32]:
        """Boxes x1, y1, x2, y2 in pixels, (N, 4)."""
        if not self.rles:
            return np.zeros((0, 4), np.float32)
        boxes = np.asarray(coco_mask.toBbox(self.rles), np.float32)
        boxes[:, 2:] += boxes[:, :2]
        return boxes

    def select(self, index: NDArray[Any]) -> 'Detections':
        """Return the instances at integer indices (M,) or where a bool mask (N,) is True."""
        return replace(
            self,
            class_scores=self.class_scores[index],
            embeds=self.embeds[index],
            rles=[self.rles[i] for i in np.arange(len(self))[index].tolist()],
            sounding=self.sounding[index],
        )


@MODELS.register_module()
class Detector:
    """Select the instances of each frame and compute their masks.

    Masks are computed for candidates only, frame by frame and in chunks of limited size, so that
    memory does not grow with the number of queries or the size of the frame.

    Args:
        score_threshold: A query is a candidate if its best class probability exceeds this.
        max_per_frame: Largest number of candidates per frame; the best ones are kept.
        duplicate_iou: Of two masks with a larger IoU, the one with the higher score is kept; None
            keeps both.
    """

    def __init__(
        self,
        *,
        score_threshold: float = 0.2,
        max_per_frame: int = 20,
        duplicate_iou: float | None = 0.7,
    ) -> None:
        self.score_threshold = score_threshold
        self.max_per_frame = max_per_frame
        self.duplicate_iou = duplicate_iou

    def __call__(
        self,
        frames: FramePredictions,
        audio: Tensor,
        window: TrackerWindow,
        *,
        gate: nn.Module | None = None,
        skip: int = 0,
    ) -> Iterator[Detections]:
        """Yield the detections of one window, frame by frame.

        Args:
            frames: Predictions of the window, B = 1.
            audio: Audio embeddings of its frames, (1, T, D).
            window: Its position and sizes.
            gate: See :class:`~avis.models.trackers.sounding_gate.SoundingGate`.
            skip: Number of leading frames to skip.
        """
        logits, embeds = frames.class_logits[0], frames.queries[-1, 0]  # (T, Q, K + 1), (T, Q, C)
        probs = logits.float().softmax(-1)[..., :-1]
        if gate is None:
            sounding = torch.ones_like(probs[..., 0], dtype=torch.bool)
        else:
            sounding = gate(logits.transpose(0, 1), embeds.transpose(0, 1), audio[0]).T
        count = min(self.max_per_frame, probs.shape[1])
        best, candidates = probs.amax(-1).topk(count, dim=1)  # (T, count), falling
        counts = (best > self.score_threshold).sum(1).tolist()
        # Of all frames at once: a GPU is waited for at each copy.
        rows = torch.arange(len(probs), device=probs.device)[:, None]
        probs, embeds, sounding = (
            values[rows, candidates].cpu() for values in (probs, embeds, sounding)
        )
        for t, number in list(enumerate(counts))[skip:]:
            masks, mask_scores = _make_masks(frames, t, candidates[t, :number], window)
            detections = Detections(
                frame=window.start + t,
                class_scores=(probs[t, :number] * mask_scores.cpu()[:, None]).numpy(),
                embeds=embeds[t, :number].float().numpy(),
                rles=[mask for mask in masks if mask is not None],
                sounding=sounding[t, :number].numpy(),
            )
            yield self._filter(detections, np.array([mask is not None for mask in masks], bool))

    def _filter(self, detections: Detections, nonempty: NDArray[np.bool_]) -> Detections:
        """Drop empty masks and duplicates, and sort by falling score."""
        detections = replace(
            detections,
            class_scores=detections.class_scores[nonempty],
            embeds=detections.embeds[nonempty],
            sounding=detections.sounding[nonempty],
        )
        detections = detections.select(np.argsort(-detections.scores, kind='stable'))
        if self.duplicate_iou is None or len(detections) < 2:
            return detections
        iou = mask_iou(detections.rles, detections.rles)
        kept: list[int] = []
        for index in range(len(detections)):
            if not kept or iou[index, kept].max() <= self.duplicate_iou:
                kept.append(index)
        return detections.select(np.array(kept))


def _make_masks(
    frames: FramePredictions, t: int, queries: Tensor, window: TrackerWindow
) -> tuple[list[RLE | None], Tensor]:
    """Return the masks of N queries in frame t, None where empty, and their mask scores (N,).

    A mask score is the mean probability inside the mask, at stride 4.
    """
    logits = frames.mask_logits(frames=slice(t, t + 1), queries=queries)[0, 0].float()
    inside = (logits > 0).float()
    mask_scores = (logits.sigmoid() * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
    return encode_logits(logits, window), mask_scores


def resize_mask_logits(logits: Tensor, window: TrackerWindow) -> Tensor:
    """Resize mask logits to the output size in two steps, as the official models do.

    Args:
        logits: (N, h, w), covering the padded input.
        window: Its sizes.

    Returns:
        (N, H, W) with H and W of ``ori_shape``.
    """
    if not len(logits):  # F.interpolate rejects empty tensors
        return logits.new_zeros(0, *window.ori_shape)
    height, width = window.img_shape
    logits = F.interpolate(logits[None], window.input_shape, mode='bilinear')[..., :height, :width]
    if window.ori_shape != window.img_shape:
        logits = F.interpolate(logits, window.ori_shape, mode='bilinear')
    return logits[0]


def encode_logits(logits: Tensor, window: TrackerWindow) -> list[RLE | None]:
    """Encode logits (N, h, w) as N masks at ``ori_shape``, None where empty.

    The number of dense masks at one time is limited by a fixed number of pixels.
    """
    area = max(h * w for h, w in (window.input_shape, window.ori_shape))
    rles: list[RLE | None] = []
    if not len(logits):
        return rles
    for chunk in logits.split(max(_CHUNK_PIXELS // area, 1)):
        rles += encode_masks(resize_mask_logits(chunk, window) > 0)
    return rles


def encode_masks(masks: Tensor) -> list[RLE | None]:
    """Encode masks, bool (N, H, W), as N RLEs, None where empty."""
    # pycocotools expects (H, W, N) in Fortran order.
    columns = masks.transpose(1, 2).contiguous().to(torch.uint8).cpu().numpy().T
    rles = coco_mask.encode(columns)
    return [rle if area else None for rle, area in zip(rles, coco_mask.area(rles), strict=True)]
