"""From the predictions of a frame head to detections: the one place where masks are made."""

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
from avis.models.trackers.base import Window
from avis.models.trackers.matching import mask_iou
from avis.registry import MODELS
from avis.structures.masks import RLE

_CHUNK_PIXELS = 1 << 23  # of logits that are resized at once: 32 MB, or one mask if that is larger


@dataclass(frozen=True)
class Detections:
    """The N instances found in one frame, the most certain first.

    Attributes:
        frame: Its place in the video.
        class_scores: Probability of each class times the certainty of the mask, (N, K).
        embeds: What the frame head knows of each instance, (N, C).
        rles: N masks at ``ori_shape``, none blank.
        reported: False where the instance is silent: known to the tracker, but no mask is given
            out; bool (N,).
    """

    frame: int
    class_scores: NDArray[np.float32]
    embeds: NDArray[np.float32]
    rles: list[RLE]
    reported: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rles)

    @property
    def scores(self) -> NDArray[np.float32]:
        """Score of the best class, (N,)."""
        scores: NDArray[np.float32] = self.class_scores.max(axis=1, initial=0)
        return scores

    @property
    def boxes(self) -> NDArray[np.float32]:
        """Left, top, right, bottom in pixels, (N, 4)."""
        if not self.rles:
            return np.zeros((0, 4), np.float32)
        boxes = np.asarray(coco_mask.toBbox(self.rles), np.float32)
        boxes[:, 2:] += boxes[:, :2]
        return boxes

    def take(self, index: NDArray[Any]) -> 'Detections':
        """Some of the instances."""
        return replace(
            self,
            class_scores=self.class_scores[index],
            embeds=self.embeds[index],
            rles=[self.rles[i] for i in np.arange(len(self))[index].tolist()],
            reported=self.reported[index],
        )


@MODELS.register_module()
class Detector:
    """Choose the instances of each frame and make their masks.

    Masks are made for candidates only, a frame at a time and in chunks of limited size, so that
    memory does not follow the number of queries or the size of the frame.

    Args:
        score_threshold: Probability of its best class that makes a query a candidate.
        max_per_frame: Candidates of a frame, the best ones.
        mask_threshold: Logit above which a pixel belongs to the mask.
        duplicate_iou: Of two masks that overlap more than this the more certain one stays; None
            keeps both.
    """

    def __init__(
        self,
        *,
        score_threshold: float = 0.2,
        max_per_frame: int = 20,
        mask_threshold: float = 0.0,
        duplicate_iou: float | None = 0.7,
    ) -> None:
        self.score_threshold = score_threshold
        self.max_per_frame = max_per_frame
        self.mask_threshold = mask_threshold
        self.duplicate_iou = duplicate_iou

    def __call__(
        self,
        frames: FramePredictions,
        audio: Tensor,
        window: Window,
        *,
        gate: nn.Module | None = None,
        skip: int = 0,
    ) -> Iterator[Detections]:
        """The detections of one window, frame by frame.

        Args:
            frames: Predictions of the window, B = 1.
            audio: Its sound, (1, T, D).
            window: Its place and sizes.
            gate: See :class:`~avis.models.trackers.sounding_gate.SoundingGate`.
            skip: Leading frames that are not wanted.
        """
        logits, embeds = frames.class_logits[0], frames.queries[-1, 0]  # (T, Q, K + 1), (T, Q, C)
        probs = logits.float().softmax(-1)[..., :-1]
        if gate is None:
            sounding = torch.ones_like(probs[..., 0], dtype=torch.bool)
        else:
            sounding = gate(logits.transpose(0, 1), embeds.transpose(0, 1), audio[0]).T
        count = min(self.max_per_frame, probs.shape[1])
        best, chosen = probs.amax(-1).topk(count, dim=1)  # (T, count), falling
        numbers = (best > self.score_threshold).sum(1).tolist()
        for t in range(skip, len(numbers)):
            queries = chosen[t, : numbers[t]]
            masks, certainty = self._masks(frames, t, queries, window)
            found = Detections(
                frame=window.start + t,
                class_scores=(probs[t, queries] * certainty[:, None]).cpu().numpy(),
                embeds=embeds[t, queries].float().cpu().numpy(),
                rles=[mask for mask in masks if mask is not None],
                reported=sounding[t, queries].cpu().numpy(),
            )
            yield self._sorted(found, np.array([mask is not None for mask in masks], bool))

    def _masks(
        self, frames: FramePredictions, t: int, queries: Tensor, window: Window
    ) -> tuple[list[RLE | None], Tensor]:
        """Masks of some queries in one frame, and the mean probability inside each, (N,)."""
        logits = frames.mask_logits(frames=slice(t, t + 1), queries=queries)[0, 0].float()
        inside = (logits > self.mask_threshold).float()
        certainty = (logits.sigmoid() * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
        return encode_logits(logits, window, self.mask_threshold), certainty

    def _sorted(self, found: Detections, present: NDArray[np.bool_]) -> Detections:
        """Without blank masks and duplicates, the most certain instance first."""
        found = replace(
            found,
            class_scores=found.class_scores[present],
            embeds=found.embeds[present],
            reported=found.reported[present],
        )
        found = found.take(np.argsort(-found.scores, kind='stable'))
        if self.duplicate_iou is None or len(found) < 2:
            return found
        iou = mask_iou(found.rles, found.rles)
        kept: list[int] = []
        for index in range(len(found)):
            if not kept or iou[index, kept].max() <= self.duplicate_iou:
                kept.append(index)
        return found.take(np.array(kept))


def resize_mask_logits(logits: Tensor, window: Window) -> Tensor:
    """Bring mask logits to the size of the output, as the published models do: in two steps.

    Args:
        logits: (N, h, w), covering the padded input.
        window: The sizes.

    Returns:
        (N, H, W) of ``ori_shape``.
    """
    if not len(logits):  # torch refuses to interpolate nothing
        return logits.new_zeros(0, *window.ori_shape)
    height, width = window.img_shape
    logits = F.interpolate(logits[None], window.input_shape, mode='bilinear')[..., :height, :width]
    if window.ori_shape != window.img_shape:
        logits = F.interpolate(logits, window.ori_shape, mode='bilinear')
    return logits[0]


def encode_logits(logits: Tensor, window: Window, threshold: float = 0.0) -> list[RLE | None]:
    """Masks at ``ori_shape`` of logits (N, h, w) as run lengths, None where blank.

    Only so many masks are dense at once as fit into a fixed number of pixels.
    """
    area = max(h * w for h, w in (window.input_shape, window.ori_shape))
    rles: list[RLE | None] = []
    if not len(logits):
        return rles
    for chunk in logits.split(max(_CHUNK_PIXELS // area, 1)):
        rles += encode_masks(resize_mask_logits(chunk, window) > threshold)
    return rles


def encode_masks(masks: Tensor) -> list[RLE | None]:
    """Run lengths of masks, bool (N, H, W), None where blank."""
    # The encoder wants columns first: (H, W, N) in Fortran's order.
    columns = masks.transpose(1, 2).contiguous().to(torch.uint8).cpu().numpy().T
    blank = (~masks.flatten(1).any(1)).tolist()
    return [
        None if empty else rle for rle, empty in zip(coco_mask.encode(columns), blank, strict=True)
    ]
