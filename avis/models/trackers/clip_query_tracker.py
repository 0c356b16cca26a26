"""Tracker of AVISM and VITA: each query of the clip is a track; nothing is associated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from torch import Tensor, nn

from avis.models.decode_heads.clip_head import ClipPredictions
from avis.models.decode_heads.frame_predictions import FramePredictions, Matching
from avis.models.losses.mask_set_loss import SetPredictions, mask_logits
from avis.models.task_modules.mask_targets import clip_targets
from avis.models.trackers.base import Tracker, TrackerWindow
from avis.models.trackers.detections import encode_masks
from avis.models.trackers.stitching import StitchedTracks, WindowTracks
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.masks import RLE

_CHUNK_PIXELS = 1 << 23  # of logits resized at once: 32 MB, or one mask if that is larger


@dataclass
class _State:
    store: StitchedTracks
    gate: nn.Module | None


@dataclass(frozen=True)
class _Candidates:
    """M pairs of query and class that may become tracks; a query can have several classes.

    They are chosen on the CPU: choosing on a GPU would wait for it at every step.

    Attributes:
        queries: (N,), unique indices of clip queries.
        rows: (M,), index into ``queries`` of each pair.
        labels: (M,), class indices.
        probs: (M,), class probabilities, falling.
    """

    queries: Tensor
    rows: Tensor
    labels: Tensor
    probs: Tensor


@MODELS.register_module()
class ClipQueryTracker(Tracker):
    """Decode one window at a time; each clip query is one instance in all its frames.

    A track is a pair of query and class. Its score is the probability of the class times the mean
    probability within its mask, over all frames at the size of the network's input. Since the
    second factor is at most 1, masks are computed only where the first one exceeds the threshold,
    frame by frame, and encoded immediately.

    For a video of one window the tracks are those of the official code, sorted by score; one whose
    mask is empty in all frames, which scores 0 there, is left out. Tracks of
    several windows are stitched by :class:`~avis.models.trackers.stitching.StitchedTracks`.

    Sources: Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025 (arXiv:2310.18709); Heo et
    al., *VITA*, NeurIPS 2022 (arXiv:2206.04403).

    Args:
        head: The clip module, a :class:`~avis.models.decode_heads.clip_head.ClipHead`.
        loss_set: Loss of its classes and masks; None if it is not trained.
        loss_similarity: Loss of its embeddings; None to train without it.
        max_candidates: Largest number of pairs of query and class; those with the best class
            probability are kept.
        score_threshold: Score that a track must exceed; a negative one keeps all candidates.
        method: Name of the method in the names of the losses.
    """

    def __init__(
        self,
        *,
        head: dict[str, Any],
        loss_set: dict[str, Any] | None = None,
        loss_similarity: dict[str, Any] | None = None,
        max_candidates: int = 100,
        score_threshold: float = 0.3,
        method: str = 'avism',
    ) -> None:
        super().__init__()
        self.head = MODELS.build(head)
        self.loss_set = None if loss_set is None else MODELS.build(loss_set)
        self.loss_similarity = None if loss_similarity is None else MODELS.build(loss_similarity)
        self.max_candidates = max_candidates
        self.score_threshold = score_threshold
        self.method = method

    def forward(self, frames: FramePredictions, audio: Tensor) -> dict[str, Tensor]:
        """Return the raw outputs of a batch.

        Returns:
            ``class_logits`` (B, Q, K + 1), ``mask_embeds`` (B, Q, C) and, at stride 4,
            ``mask_logits`` (B, Q, T, h, w), which is large.
        """
        predictions = self.head(frames.queries, audio)
        class_logits, mask_embeds = (part[-1] for part in predictions.layers[-1])
        return {
            'class_logits': class_logits,
            'mask_embeds': mask_embeds,
            'mask_logits': predictions.mask_logits(frames.pixel_features, mask_embeds),
        }

    def loss(
        self,
        frames: FramePredictions,
        audio: Tensor,
        data_samples: Sequence[AVDataSample],
        matchings: Sequence[Sequence[Matching]],
    ) -> dict[str, Tensor]:
        """Return the losses of every decoder layer: ``loss_<method>_*`` and ``loss_clip_sim``.

        Args:
            frames: Predictions of B clips of T frames, with the queries of L layers.
            audio: Audio embeddings, (B, T, D).
            data_samples: B samples with ``gt_tracks``.
            matchings: Per layer of the frame decoder the matched pairs of each of the B * T frames.
        """
        if self.loss_set is None:
            raise ValueError(
                'ClipQueryTracker: expected loss_set for training, got None; see configs/avis/avism'
            )
        predictions = self.head(frames.queries, audio)
        layers = [
            SetPredictions(
                layer.class_logits.flatten(0, 1),
                *predictions.projection.project_embeds(layer.mask_embeds.flatten(0, 1)),
            )
            for layer in predictions.layers
        ]
        num_kept = len(frames.queries)
        targets = clip_targets(data_samples) * num_kept
        values, matched = self.loss_set(layers, frames.pixel_features, targets)
        losses: dict[str, Tensor] = {}
        for index, layer_losses in enumerate(values):
            suffix = '' if index == len(values) - 1 else f'_{index}'
            losses |= {f'loss_{self.method}_{name}{suffix}': x for name, x in layer_losses.items()}
        if self.loss_similarity is not None:
            embeds = self.head.similarity_embeds(predictions)
            losses['loss_clip_sim'] = self.loss_similarity(
                *embeds, matchings[-num_kept:], matched[-1]
            )
        return losses

    def start(self, gate: nn.Module | None = None) -> _State:
        """Return the state of a new video."""
        return _State(StitchedTracks(), gate)

    def update(
        self, state: _State, frames: FramePredictions, audio: Tensor, window: TrackerWindow
    ) -> None:
        """Predict the tracks of a window and stitch them to those of earlier windows."""
        predictions = self.head(frames.queries[-1:], audio)
        candidates = self._candidates(predictions.layers[-1].class_logits[0, 0])
        queries = candidates.queries.to(audio.device, non_blocking=True)
        embeds = predictions.layers[-1].mask_embeds[0, 0, queries]
        mask_scores, rles = _make_masks(frames, predictions, embeds, window)
        appearance, sounding = self._describe(predictions, frames, audio, queries, state.gate)
        appearance, is_sounding = appearance.float().cpu(), sounding.tolist()
        scores = candidates.probs * mask_scores.cpu()[candidates.rows]
        order = scores.argsort(descending=True, stable=True)
        kept = order[scores[order] > self.score_threshold]
        rows = candidates.rows[kept]
        tracks = WindowTracks(
            labels=candidates.labels[kept].tolist(),
            scores=scores[kept].tolist(),
            embeds=appearance[rows].numpy(),
            rles=[
                [rle if sounds else None for rle, sounds in zip(*pair, strict=True)]
                for pair in ((rles[row], is_sounding[row]) for row in rows.tolist())
            ],
            num_frames=audio.shape[1],
        )
        state.store.add(tracks, window)

    def finish(self, state: _State) -> InstanceData:
        """Return the tracks of all frames processed."""
        return state.store.to_instances()

    def _candidates(self, class_logits: Tensor) -> _Candidates:
        """Return the best pairs of query and class, of logits (Q, K + 1)."""
        probs = class_logits.float().softmax(-1)[:, :-1]  # (Q, K)
        best, index = probs.flatten().topk(min(self.max_candidates, probs.numel()))
        best, index = best.cpu(), index.cpu()
        index = index[best > self.score_threshold]
        queries, rows = (index // probs.shape[1]).unique(return_inverse=True)
        return _Candidates(queries, rows, index % probs.shape[1], best[: len(index)])

    def _describe(
        self,
        predictions: ClipPredictions,
        frames: FramePredictions,
        audio: Tensor,
        queries: Tensor,
        gate: nn.Module | None,
    ) -> tuple[Tensor, Tensor]:
        """Return the appearance of N clip queries, (N, C), and where they sound, bool (N, T).

        A gate decides per frame; it reads the frame query that is most similar to the clip query.
        """
        frame_embeds, clip_embeds = self.head.similarity_embeds(predictions)
        appearance = clip_embeds[0, 0, queries]
        if gate is None:
            shape = (len(queries), audio.shape[1])
            return appearance, torch.ones(shape, dtype=torch.bool, device=appearance.device)
        similarity = torch.einsum('nc,tpc->ntp', appearance, frame_embeds[0, 0])
        nearest = similarity.argmax(-1)  # (N, T)
        times = torch.arange(audio.shape[1], device=appearance.device)
        class_logits, embeds = frames.class_logits[0], frames.queries[-1, 0]  # (T, P, ...)
        return appearance, gate(class_logits[times, nearest], embeds[times, nearest], audio[0])


def _make_masks(
    frames: FramePredictions, predictions: ClipPredictions, embeds: Tensor, window: TrackerWindow
) -> tuple[Tensor, list[list[RLE | None]]]:
    """Compute the masks of N queries with embeddings (N, C) in every frame.

    Returns:
        Mask scores (N,), the mean probability inside each mask over all frames at the size of the
        input, and N lists of T masks at ``ori_shape``, None where empty.
    """
    folded, offsets = predictions.projection.project_embeds(embeds)
    inside, total = (embeds.new_zeros(len(embeds), dtype=torch.float32) for _ in range(2))
    rles: list[list[RLE | None]] = [[] for _ in embeds]
    if not rles:  # F.interpolate rejects empty tensors
        return inside, rles
    area = max(h * w for h, w in (window.input_shape, window.ori_shape))
    for features in frames.pixel_features[0]:  # (C, h, w)
        logits = mask_logits(folded, offsets, features[None])[:, 0].float()
        row = 0
        for chunk in logits.split(max(_CHUNK_PIXELS // area, 1)):
            at_input = _resize(chunk, window.input_shape)
            at_input = at_input[:, : window.img_shape[0], : window.img_shape[1]]
            mask = at_input > 0
            end = row + len(chunk)
            inside[row:end] += (at_input.sigmoid() * mask).sum((1, 2))
            total[row:end] += mask.sum((1, 2))
            if window.ori_shape != window.img_shape:
                mask = _resize(at_input, window.ori_shape) > 0
            for track, rle in zip(rles[row:end], encode_masks(mask), strict=True):
                track.append(rle)
            row = end
    return inside / (total + 1e-6), rles


def _resize(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize logits (N, h, w) to (N, H, W), with ``size`` (H, W)."""
    return F.interpolate(logits[None], size, mode='bilinear')[0]
