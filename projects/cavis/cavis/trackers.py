"""The three trackers of CAVIS: of the segmenter alone, online, and offline with a refiner."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.structures import InstanceData
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import FramePredictions, Matching
from avis.models.losses.mask_set_loss import SetPredictions
from avis.models.task_modules.mask_targets import MaskTarget
from avis.models.trackers.base import Tracker, TrackerWindow
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from cavis.assignment import assign_queries, reorder
from cavis.losses import reference_losses, stack_frames
from cavis.matching import match_first_appearances
from cavis.query_masks import QueryMasks
from cavis.query_tracker import Memory, QueryTracker, TrackedFrames
from cavis.refiner import RefinedFrames, Refiner
from cavis.targets import annotated_frames, clip_targets, frame_targets


@dataclass
class _State:
    """State of a video: masks, sums over its frames, and what a tracker keeps.

    ``logits`` (Q, K + 1) are summed class logits; ``probs`` (Q, K) are summed probabilities of the
    refiner.
    """

    masks: QueryMasks = field(default_factory=QueryMasks)
    logits: Tensor | float = 0.0
    probs: Tensor | float = 0.0
    memory: Any = None
    embeds: Tensor | None = None  # of the last window, (1, T, Q, C)


class CAVISTracker(Tracker):
    """Base: each query is a track of the whole video, with classes averaged over its frames.

    Tracks are the pairs of query and class with the best probabilities; masks do not count in the
    score. Windows continue each other: streamed predictions equal those of the whole video.

    Args:
        max_candidates: Number of tracks.
    """

    def __init__(self, *, max_candidates: int = 10) -> None:
        super().__init__()
        self.max_candidates = max_candidates

    @abstractmethod
    def track(self, state: _State, frames: FramePredictions, skip: int) -> Tensor:
        """Track the next frames, and add their class predictions to the state.

        Args:
            state: Changed in place.
            frames: Of the window, B = 1.
            skip: Number of leading frames that were tracked before.

        Returns:
            Mask embeddings of the new frames, (1, T, Q, C).
        """

    def start(self, gate: nn.Module | None = None) -> _State:
        """Return the state of a new video."""
        if gate is not None:
            raise ValueError(f'{type(self).__name__}: expected no sounding_gate, got {gate}')
        return _State()

    def update(
        self, state: _State, frames: FramePredictions, audio: Tensor, window: TrackerWindow
    ) -> None:
        """Track the new frames of a window."""
        skip = state.masks.start_window(window)
        if skip < frames.class_logits.shape[1]:
            embeds = self.track(state, frames, skip)
            state.masks.add(frames.select(slice(skip, None)), embeds, window)

    def finish(self, state: _State) -> InstanceData:
        """Return the tracks of all frames processed."""
        if isinstance(state.logits, float):
            index = torch.zeros(0, dtype=torch.long)
            return state.masks.to_instances(index, index, index)
        return state.masks.to_instances(*self.candidates(state))

    def candidates(self, state: _State) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, classes and scores of the tracks, by falling score."""
        length = state.masks.length
        assert isinstance(state.logits, Tensor)
        probs = (state.logits / length).softmax(-1)[:, :-1]  # (Q, K)
        if isinstance(state.probs, Tensor):
            probs = torch.maximum(probs, state.probs / length)
        scores, index = probs.flatten().topk(min(self.max_candidates, probs.numel()))
        return index // probs.shape[1], index % probs.shape[1], scores


@MODELS.register_module()
class CAVISSegmenterTracker(CAVISTracker):
    """Associate the queries of neighboring frames by their embeddings, without training.

    Source: the official code of CAVIS, ICCV 2025, after Huang et al., *MinVIS*, NeurIPS 2022.

    Args:
        max_candidates: Number of tracks.
    """

    def track(self, state: _State, frames: FramePredictions, skip: int) -> Tensor:
        """Align the queries of each new frame with the frame before."""
        index = self.align(state, frames.extras['embeds'][:, skip:])  # (1, T, Q)
        logits = reorder(frames.class_logits[0, skip:].float(), index[0])
        state.logits = state.logits + logits.sum(0)
        return reorder(frames.mask_embeds[0, skip:], index[0])[None]

    def align(self, state: _State, embeds: Tensor) -> Tensor:
        """Return the order of the queries of each frame, (1, T, Q), for embeddings (1, T, Q, C)."""
        order = []
        for current in embeds.unbind(1):
            if state.memory is None:
                index = torch.arange(current.shape[1], device=current.device)[None]
            else:
                index = assign_queries(state.memory, current, inverse=False)
            order.append(index)
            state.memory = reorder(current, index)
        return torch.stack(order, 1)


@MODELS.register_module()
class CAVISOnlineTracker(CAVISTracker):
    """Track with :class:`~cavis.query_tracker.QueryTracker`; the segmenter is frozen.

    An instance is matched once, in the first frame that shows it; the pair holds in all frames. In
    the first iterations the predictions of the segmenter are matched, then those of each layer.

    Args:
        head: Arguments of :class:`~cavis.query_tracker.QueryTracker`.
        loss_set: Loss of classes and masks of frames; None if it is not trained.
        segmenter_iters: Number of iterations in which the segmenter is matched, half of the
            schedule.
        contrast_weight: Weight of each contrastive loss; None trains without, as on OVIS.
        late_class: See :class:`~cavis.frame_head.CAVISFrameHead`.
        max_candidates: Number of tracks.
    """

    def __init__(
        self,
        *,
        head: dict[str, Any],
        loss_set: dict[str, Any] | None = None,
        segmenter_iters: int = 80000,
        contrast_weight: float | None = 2.0,
        late_class: bool = False,
        max_candidates: int = 10,
    ) -> None:
        super().__init__(max_candidates=max_candidates)
        self.num_classes = head['num_classes']
        self.head = QueryTracker(**head)
        self.loss_set = None if loss_set is None else MODELS.build(loss_set)
        self.segmenter_iters = segmenter_iters
        self.contrast_weight = contrast_weight
        self.late_class = late_class

    def forward(self, frames: FramePredictions, audio: Tensor) -> dict[str, Tensor]:
        """Return ``class_logits`` (B, Q, K + 1), ``mask_logits`` (B, Q, T, h, w) of a batch."""
        tracked, _ = self.head(frames.extras['states'], frames.extras['embeds'])
        masks = frames.mask_logits(mask_embeds=tracked.mask_embeds[-1])
        return {
            'class_logits': tracked.class_logits[-1].float().mean(1),
            'mask_logits': masks.transpose(1, 2),
        }

    def track(self, state: _State, frames: FramePredictions, skip: int) -> Tensor:
        """Track the queries of the new frames."""
        return self.track_queries(state, frames, skip).mask_embeds[-1]

    def track_queries(self, state: _State, frames: FramePredictions, skip: int) -> TrackedFrames:
        """Track the queries of the new frames, and sum their class logits."""
        extras = {name: value[:, skip:] for name, value in frames.extras.items()}
        memory: Memory | None = state.memory
        tracked, state.memory = self.head(extras['states'], extras['embeds'], memory)
        state.logits = state.logits + tracked.class_logits[-1, 0].float().sum(0)
        result: TrackedFrames = tracked
        return result

    @property
    def absent_label(self) -> int | None:
        """Label of instances that are absent in the last frame; None for their class."""
        return None if self.late_class else self.num_classes

    @property
    def matches_own(self) -> bool:
        """Whether the own predictions are matched, in the second half of the schedule."""
        iteration: int = MessageHub.get_current_instance().get_info('iter', 0)
        return iteration >= self.segmenter_iters

    def loss(
        self,
        frames: FramePredictions,
        audio: Tensor,
        data_samples: Sequence[AVDataSample],
        matchings: Any,
    ) -> dict[str, Tensor]:
        """Return the losses of every layer, and contrastive ones; arguments as of ``Tracker``."""
        tracked, _ = self.head(frames.extras['states'], frames.extras['embeds'])
        layers = [
            _frame_sets(frames, logits, embeds)
            for logits, embeds in zip(tracked.class_logits, tracked.mask_embeds, strict=True)
        ]
        matched = layers
        if not self.matches_own:
            order = tracked.frame_index.flatten(0, 1)
            logits, embeds = (
                reorder(part.flatten(0, 1), order).unflatten(0, part.shape[:2])
                for part in (frames.class_logits, frames.mask_embeds)
            )
            matched = [_frame_sets(frames, logits, embeds)]
        loss_set = _required(self.loss_set, self)
        features = frames.pixel_features.flatten(0, 1)[:, None]
        targets = frame_targets(data_samples, self.absent_label)
        appears = [annotated_frames(sample) for sample in data_samples]
        pairs = [
            match_first_appearances(loss_set, layer, features, targets, appears)
            for layer in matched
        ]
        values, _ = loss_set(
            layers, features, targets, pairs if self.matches_own else pairs * len(layers)
        )
        losses = _name_losses(values)
        if self.contrast_weight is not None:
            # As published, the pairs of the layer that is matched last: an auxiliary one.
            of_clips = (pairs[-2] if len(pairs) > 1 else pairs[0])[:: frames.class_logits.shape[1]]
            contrasts = [
                reference_losses(references, queries)
                for references, (queries, _) in zip(tracked.references, of_clips, strict=True)
            ]
            for name, parts in zip(('reid', 'reid_aux'), zip(*contrasts, strict=True), strict=True):
                losses[f'loss_{name}'] = self.contrast_weight * torch.stack(parts).mean()
        return losses


@MODELS.register_module()
class CAVISOfflineTracker(CAVISOnlineTracker):
    """Refine the tracks of the online tracker, which is frozen, over the frames of a window.

    Queries keep their identity over windows; classes are averaged over their frames.

    Args:
        refiner: Arguments of :class:`~cavis.refiner.Refiner`.
        loss_set: :class:`~cavis.losses.TubeSetLoss`; None if it is not trained.
        kwargs: Further arguments of :class:`CAVISOnlineTracker`.
    """

    def __init__(self, *, refiner: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.refiner = Refiner(**refiner)

    def forward(self, frames: FramePredictions, audio: Tensor) -> dict[str, Tensor]:
        """Return ``class_logits`` (B, Q, K + 1), ``mask_logits`` (B, Q, T, h, w) of a batch."""
        states = frames.extras['states']
        tracked, _ = self.head(states, frames.extras['embeds'])
        refined: RefinedFrames = self.refiner(tracked.embeds, states)
        masks = frames.mask_logits(mask_embeds=refined.mask_embeds[-1])
        return {
            'class_logits': refined.class_logits[-1],
            'mask_logits': masks.transpose(1, 2),
        }

    def track(self, state: _State, frames: FramePredictions, skip: int) -> Tensor:
        """Track the new frames, and refine all frames of the window."""
        tracked = self.track_queries(state, frames, skip)
        embeds = tracked.embeds
        if state.embeds is not None and skip:
            embeds = torch.cat([state.embeds[:, -skip:], embeds], 1)
        state.embeds = embeds
        refined: RefinedFrames = self.refiner(embeds, frames.extras['states'])
        probs = refined.class_logits[-1, 0].float().softmax(-1)[:, :-1]
        state.probs = state.probs + probs * (embeds.shape[1] - skip)
        return refined.mask_embeds[-1][:, skip:]

    def loss(
        self,
        frames: FramePredictions,
        audio: Tensor,
        data_samples: Sequence[AVDataSample],
        matchings: Any,
    ) -> dict[str, Tensor]:
        """Return the losses of every layer of the refiner; arguments as of ``Tracker``."""
        states = frames.extras['states']
        tracked, _ = self.head(states, frames.extras['embeds'])
        refined: RefinedFrames = self.refiner(tracked.embeds, states)
        layers = [
            _tube_sets(frames, logits, embeds)
            for logits, embeds in zip(refined.class_logits, refined.mask_embeds, strict=True)
        ]
        loss_set = _required(self.loss_set, self)
        targets = [
            MaskTarget(t.labels, stack_frames(t.masks), t.instances, t.clip, t.seed)
            for t in clip_targets(data_samples, self.absent_label)
        ]
        pairs: list[list[Matching]] | None = None
        if not self.matches_own:
            logits = tracked.class_logits[-1].float().mean(1)
            online = _tube_sets(frames, logits, tracked.mask_embeds[-1])
            pairs = [loss_set.match(online, frames.pixel_features, targets)] * len(layers)
        values, _ = loss_set(layers, frames.pixel_features, targets, pairs)
        return _name_losses(values)


def _frame_sets(frames: FramePredictions, logits: Tensor, embeds: Tensor) -> SetPredictions:
    """Return sets of frames, of logits (B, T, Q, K + 1), embeddings (B, T, Q, C)."""
    projected = frames.projection.project_embeds(embeds.flatten(0, 1))
    return SetPredictions(logits.flatten(0, 1), *projected)


def _tube_sets(frames: FramePredictions, logits: Tensor, embeds: Tensor) -> SetPredictions:
    """Return sets of clips, of logits (B, Q, K + 1), embeddings (B, T, Q, C)."""
    return SetPredictions(logits, *frames.projection.project_embeds(embeds.transpose(1, 2)))


def _name_losses(values: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return losses by name, with the suffix ``_i`` for the layers before the last one."""
    suffixes = [*(f'_{index}' for index in range(len(values) - 1)), '']
    return {
        f'loss_{name}{suffix}': value
        for suffix, layer in zip(suffixes, values, strict=True)
        for name, value in layer.items()
    }


def _required(loss_set: Any, tracker: nn.Module) -> Any:
    if loss_set is None:
        raise ValueError(f'{type(tracker).__name__}: expected loss_set for training, got None')
    return loss_set
