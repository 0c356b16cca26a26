"""AVISM's tracker: queries of the whole clip, so that nothing needs to be joined afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from torch import Tensor, nn

from avis.models.decode_heads.avism_clip_head import ClipPredictions
from avis.models.decode_heads.frame_predictions import FramePredictions, Matching
from avis.models.losses.mask_set_loss import SetLayer, mask_logits
from avis.models.task_modules.mask_targets import clip_targets
from avis.models.trackers.base import Tracker, Window
from avis.models.trackers.detections import encode_masks
from avis.models.trackers.stitching import StitchedTracks, WindowTracks
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.masks import RLE

_CHUNK_PIXELS = 1 << 23  # of logits that are resized at once: 32 MB, or one mask if that is larger


@dataclass
class _State:
    store: StitchedTracks
    gate: nn.Module | None


@dataclass(frozen=True)
class _Candidates:
    """Pairs of a query and a class that may become tracks; a query can have several classes.

    Attributes:
        queries: (N,), of the clip, without repetition.
        rows: (M,), the place in ``queries`` of each pair.
        labels: (M,).
        probs: (M,), falling.
    """

    queries: Tensor
    rows: Tensor
    labels: Tensor
    probs: Tensor


@MODELS.register_module()
class ClipQueryTracker(Tracker):
    """One query follows one instance through all frames of a window.

    A track is a pair of query and class. Its score is the probability of the class times the mean
    probability within its mask, over all frames at the size of the network's input. Since the
    second factor is at most 1, masks are made only where the first one exceeds the threshold, one
    frame at a time, and encoded at once.

    A video that fits one window gives what AVISM is published with, sorted by score. Those of
    several windows are joined by :class:`~avis.models.trackers.stitching.StitchedTracks`.

    Args:
        head: The clip module, see
            :class:`~avis.models.decode_heads.avism_clip_head.AVISMClipHead`.
        loss_set: Loss of its classes and masks; None if it is not trained.
        loss_similarity: Loss of its embeddings; None without.
        max_candidates: Pairs of query and class that are looked at, those with the best class.
        score_threshold: Score that a track must exceed.
        late_as_no_object: Teach a query whose instance is absent from the first frame of the clip
            the class "no object", as AVISM was published; False teaches the true class.
        stitching: Arguments of ``StitchedTracks``.
    """

    def __init__(
        self,
        *,
        head: dict[str, Any],
        loss_set: dict[str, Any] | None = None,
        loss_similarity: dict[str, Any] | None = None,
        max_candidates: int = 100,
        score_threshold: float = 0.3,
        late_as_no_object: bool = True,
        stitching: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.head = MODELS.build(head)
        self.loss_set = None if loss_set is None else MODELS.build(loss_set)
        self.loss_similarity = None if loss_similarity is None else MODELS.build(loss_similarity)
        self.max_candidates = max_candidates
        self.score_threshold = score_threshold
        self.late_as_no_object = late_as_no_object
        self.stitching = stitching or {}

    def forward(self, frames: FramePredictions, audio: Tensor) -> dict[str, Tensor]:
        """Raw outputs of a batch.

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
        """Losses of every decoder layer: ``loss_avism_*`` and ``loss_clip_sim``.

        Args:
            frames: Predictions of B clips of T frames, with the queries of L layers.
            audio: (B, T, D).
            data_samples: B samples with ``gt_tracks``.
            matchings: Per layer of the frame decoder the pairs of each of the B * T frames.
        """
        if self.loss_set is None:
            raise ValueError('ClipQueryTracker: training needs loss_set, see configs/avis/avism')
        predictions = self.head(frames.queries, audio)
        layers = [
            SetLayer(
                layer.class_logits.flatten(0, 1),
                *predictions.projection.fold(layer.mask_embeds.flatten(0, 1)),
            )
            for layer in predictions.layers
        ]
        targets = clip_targets(
            data_samples,
            num_classes=self.head.num_classes,
            late_as_no_object=self.late_as_no_object,
        )
        num_kept = len(frames.queries)
        values, matched = self.loss_set(layers, frames.pixel_features, targets * num_kept)
        losses: dict[str, Tensor] = {}
        for index, layer_losses in enumerate(values):
            suffix = '' if index == len(values) - 1 else f'_{index}'
            losses |= {f'loss_avism_{name}{suffix}': x for name, x in layer_losses.items()}
        if self.loss_similarity is not None:
            embeds = self.head.similarity_embeds(predictions)
            losses['loss_clip_sim'] = self.loss_similarity(
                *embeds, matchings[-num_kept:], matched[-1]
            )
        return losses

    def start(self, gate: nn.Module | None = None) -> _State:
        """Nothing seen."""
        return _State(StitchedTracks(**self.stitching), gate)

    def update(
        self, state: _State, frames: FramePredictions, audio: Tensor, window: Window
    ) -> None:
        """Find the tracks of a window and join them to those before."""
        predictions = self.head(frames.queries[-1:], audio)
        found = self._candidates(predictions.layers[-1].class_logits[0, 0])
        embeds = predictions.layers[-1].mask_embeds[0, 0, found.queries]
        certainty, rles = _make_masks(frames, predictions, embeds, window)
        scores = found.probs * certainty[found.rows]
        order = scores.argsort(descending=True, stable=True)
        kept = order[scores[order] > self.score_threshold]
        rows = found.rows[kept]
        looks, sounding = self._describe(predictions, frames, audio, found.queries, state.gate)
        tracks = WindowTracks(
            labels=found.labels[kept].tolist(),
            scores=scores[kept].tolist(),
            embeds=looks[rows].float().cpu().numpy(),
            rles=[
                [
                    rle if sounds else None
                    for rle, sounds in zip(rles[row], sounding[row].tolist(), strict=True)
                ]
                for row in rows.tolist()
            ],
            num_frames=audio.shape[1],
        )
        state.store.add(tracks, window)

    def finish(self, state: _State) -> InstanceData:
        """The tracks."""
        return state.store.to_instances()

    def _candidates(self, class_logits: Tensor) -> _Candidates:
        """The best pairs of query and class, of logits (Q, K + 1)."""
        probs = class_logits.float().softmax(-1)[:, :-1]  # (Q, K)
        best, index = probs.flatten().topk(min(self.max_candidates, probs.numel()))
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
        """What queries of the clip look like (N, C), and when they sound, bool (N, T).

        A gate judges single frames: there the query of the frame that resembles most the clip's
        stands for it.
        """
        frame_embeds, clip_embeds = self.head.similarity_embeds(predictions)
        looks = clip_embeds[0, 0, queries]
        if gate is None:
            shape = (len(queries), audio.shape[1])
            return looks, torch.ones(shape, dtype=torch.bool, device=looks.device)
        alike = torch.einsum('nc,tpc->ntp', looks, frame_embeds[0, 0]).argmax(-1)  # (N, T)
        times = torch.arange(audio.shape[1], device=looks.device)
        class_logits, embeds = frames.class_logits[0], frames.queries[-1, 0]  # (T, P, ...)
        return looks, gate(class_logits[times, alike], embeds[times, alike], audio[0])


def _make_masks(
    frames: FramePredictions, predictions: ClipPredictions, embeds: Tensor, window: Window
) -> tuple[Tensor, list[list[RLE | None]]]:
    """Masks of N queries with embeddings (N, C) in every frame.

    Returns:
        The mean probability inside of each mask over all frames at the size of the input, (N,), and
        N times T masks at ``ori_shape``, None where blank.
    """
    folded, offsets = predictions.projection.fold(embeds)
    inside, total = (embeds.new_zeros(len(embeds), dtype=torch.float32) for _ in range(2))
    rles: list[list[RLE | None]] = [[] for _ in embeds]
    if not rles:  # torch refuses to resize nothing
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
    """Resize (N, h, w) to (N, *size)."""
    return F.interpolate(logits[None], size, mode='bilinear')[0]
