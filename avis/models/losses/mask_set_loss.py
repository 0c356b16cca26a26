"""The set loss of Mask2Former, for the masks of frames and of whole clips."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmcv.ops import point_sample
from mmdet.utils import reduce_mean
from torch import Generator, Tensor, nn

from avis.models.decode_heads.frame_predictions import Matching
from avis.models.task_modules.mask_matching import MaskMatcher, match_layers
from avis.models.task_modules.mask_targets import MaskTarget
from avis.models.task_modules.point_sampling import PointSampler, make_generator
from avis.registry import MODELS

_NO_OBJECT_WEIGHT = 0.1  # of "no object" in the weighted mean of the class loss, as in DETR


class SetPredictions(NamedTuple):
    """Predictions of one decoder layer for S sets; a set is the queries of one frame or clip.

    Attributes:
        class_logits: (S, Q, K + 1), the last class is "no object".
        mask_embeds: (S, Q, C); mask logits are their dot product with the features, plus the
            offset.
        mask_offsets: (S, Q).
    """

    class_logits: Tensor
    mask_embeds: Tensor
    mask_offsets: Tensor


class _Pair(NamedTuple):
    """One matched query: indices of layer, set and query, and of the instance in the target."""

    layer: int
    set: int
    query: int
    instance: int


@MODELS.register_module()
class MaskSetLoss(nn.Module):
    """Match each set of queries with the ground truth; then class, cross-entropy and dice losses.

    All layers are matched first. Masks with a gradient are computed for matched queries only, of
    all layers at once: the sums equal those layer by layer, with less memory.

    The class loss is the weighted mean over the queries of a clip, averaged over clips. The mask
    losses are sums divided by the number of instances (the sum over frames or clips and layers) of
    a process, the mean over all processes, but by at least 1 per clip. Targets with a seed draw
    their points from it. A batch thus has the loss of as many processes with one clip each, which
    is how AVISM is trained: the official code takes one clip per process. Only the padding differs,
    if the clips have different sizes.

    Source: Cheng et al., *Mask2Former*, CVPR 2022 (arXiv:2112.01527).

    Args:
        num_classes: K, without "no object".
        class_weight: Weight of the class, in matching and loss.
        match_class_weight: Another weight of the class in matching: 1 in models that were trained
            with Hugging Face's Mask2Former; None for ``class_weight``.
        mask_weight: Weight of the binary cross-entropy at points, in matching and loss.
        dice_weight: Weight of the dice loss at points, in matching and loss.
        num_points: Points per mask and frame.
    """

    class_weights: Tensor

    def __init__(
        self,
        *,
        num_classes: int,
        class_weight: float = 2.0,
        match_class_weight: float | None = None,
        mask_weight: float = 5.0,
        dice_weight: float = 5.0,
        num_points: int = 12544,
    ) -> None:
        super().__init__()
        self.weights = {'ce': class_weight, 'mask': mask_weight, 'dice': dice_weight}
        self.matcher = MaskMatcher(
            class_weight=class_weight if match_class_weight is None else match_class_weight,
            mask_weight=mask_weight,
            dice_weight=dice_weight,
        )
        self.points = PointSampler(num_points=num_points)
        weights = torch.ones(num_classes + 1)
        weights[-1] = _NO_OBJECT_WEIGHT
        self.register_buffer('class_weights', weights, persistent=False)

    def forward(
        self,
        layers: Sequence[SetPredictions],
        features: Tensor,
        targets: Sequence[MaskTarget],
        matchings: Sequence[Sequence[Matching]] | None = None,
    ) -> tuple[list[dict[str, Tensor]], list[list[Matching]]]:
        """Compute the losses of every layer.

        Args:
            layers: Predictions for S sets.
            features: (F, T, C, h, w); set s uses features s modulo F.
            targets: S targets over the same T frames.
            matchings: Per layer and set the matching, if it is known; None matches here.

        Returns:
            Per layer ``ce``, ``mask`` and ``dice``, weighted; per layer and set the matching.
        """
        generators = _generators(features, targets)
        if matchings is None:
            matchings = self._match(layers, features, targets, generators)
        count = mask_normalizer(features, targets)
        masks = self._mask_losses(layers, matchings, features, targets, generators)
        # Not blocking: a copy that a GPU is not waited for.
        clips = torch.tensor([target.clip for target in targets])
        clips = clips.to(features.device, non_blocking=True)
        losses = []
        for index, layer in enumerate(layers):
            raw = {'ce': self._class_loss(layer.class_logits, matchings[index], targets, clips)}
            raw |= {name: values[index] / count for name, values in masks.items()}
            losses.append({name: self.weights[name] * value for name, value in raw.items()})
        return losses, [list(layer) for layer in matchings]

    def match(
        self, layer: SetPredictions, features: Tensor, targets: Sequence[MaskTarget]
    ) -> list[Matching]:
        """Match the sets of one layer only; arguments as for :meth:`forward`."""
        return self._match([layer], features, targets, _generators(features, targets))[0]

    def compute_logits(self, embeds: Tensor, offsets: Tensor, features: Tensor) -> Tensor:
        """Return mask logits (M, T, h, w); see :func:`mask_logits`, which subclasses replace."""
        return mask_logits(embeds, offsets, features)

    @torch.no_grad()
    def _match(
        self,
        layers: Sequence[SetPredictions],
        features: Tensor,
        targets: Sequence[MaskTarget],
        generators: Sequence[Generator | None],
    ) -> list[list[Matching]]:
        costs = []
        for layer in layers:
            for index, target in enumerate(targets):
                logits, embeds, offsets = (part[index] for part in layer)
                source = index % len(features)
                masks = self.compute_logits(embeds, offsets, features[source])
                points = self.points.for_matching(masks, generators[source])
                costs.append(self.matcher.cost(logits, masks, target, points))
        matchings = match_layers(costs, [*targets] * len(layers))
        return [
            matchings[start : start + len(targets)]
            for start in range(0, len(matchings), len(targets))
        ]

    def _class_loss(
        self,
        logits: Tensor,
        matchings: Sequence[Matching],
        targets: Sequence[MaskTarget],
        clips: Tensor,
    ) -> Tensor:
        """Return the mean over clips of the weighted mean over the queries of a clip.

        ``clips`` (S,) are the indices of the clips of the targets.
        """
        labels = torch.full(logits.shape[:2], logits.shape[-1] - 1, device=logits.device)
        for of_set, (queries, instances), target in zip(labels, matchings, targets, strict=True):
            of_set[queries] = target.labels[_target_index(instances, target)]
        values = F.cross_entropy(
            logits.float().transpose(1, 2), labels, self.class_weights, reduction='none'
        )  # (S, Q), weighted
        per_set = torch.stack([values.sum(1), self.class_weights[labels].sum(1)])
        sums = per_set.new_zeros(2, _num_clips(targets)).index_add(1, clips, per_set)
        return (sums[0] / sums[1]).mean()

    def _mask_losses(
        self,
        layers: Sequence[SetPredictions],
        matchings: Sequence[Sequence[Matching]],
        features: Tensor,
        targets: Sequence[MaskTarget],
        generators: Sequence[Generator | None],
    ) -> dict[str, list[Tensor]]:
        """Return the sums of cross-entropy and of dice per layer."""
        pairs = _pairs(matchings, targets, len(features))
        if not pairs:  # no instance: zero, with every parameter in the graph
            sums = features.sum() + sum(x.sum() for layer in layers for x in layer[1:])
            zero = 0 * sums.float()  # as the losses of other processes
            return {'mask': [zero] * len(layers), 'dice': [zero] * len(layers)}
        index = torch.tensor(pairs).T.to(features.device, non_blocking=True)  # (4, M)
        selected = tuple(index[:3])
        embeds = torch.stack([layer.mask_embeds for layer in layers])[selected]  # (M, C)
        offsets = torch.stack([layer.mask_offsets for layer in layers])[selected]
        sources = [pair.set % len(features) for pair in pairs]
        counts = [sources.count(source) for source in range(len(features))]
        chunks = zip(embeds.split(counts), offsets.split(counts), features, strict=True)
        logits = [self.compute_logits(*chunk) for chunk in chunks]  # F times (M_f, T, h, w)
        gts = torch.stack([targets[pair.set].masks[pair.instance] for pair in pairs])
        values = self._at_points(logits, gts, generators)
        return {
            name: list(value.new_zeros(len(layers)).index_add(0, index[0], value))
            for name, value in values.items()
        }

    def _at_points(
        self, logits: Sequence[Tensor], gts: Tensor, generators: Sequence[Generator | None]
    ) -> dict[str, Tensor]:
        """Return losses (M,) of M masks: F logits (M_f, T, h, w), ground truth (M, T, H, W).

        Every mask and frame has points of its own; the points of all frames of a mask are pooled.
        """
        flat = [part.flatten(0, 1)[:, None].float() for part in logits]
        with torch.no_grad():
            points = torch.cat(
                [self.points.for_loss(*one) for one in zip(flat, generators, strict=True)]
            )
            gt = point_sample(gts.flatten(0, 1)[:, None].float(), points)
            gt = gt.view(len(gts), -1)
        values = point_sample(torch.cat(flat), points).view(len(gts), -1)  # (M, T * P)
        entropy = F.binary_cross_entropy_with_logits(values, gt, reduction='none').mean(-1)
        prob = values.sigmoid()
        overlap = 2 * (prob * gt).sum(-1) + 1
        return {'mask': entropy, 'dice': 1 - overlap / (prob.sum(-1) + gt.sum(-1) + 1)}


def _generators(features: Tensor, targets: Sequence[MaskTarget]) -> list[Generator | None]:
    """Return the generator of the random points of each of the F features."""
    return [make_generator(target.seed, features.device) for target in targets[: len(features)]]


def mask_logits(embeds: Tensor, offsets: Tensor, features: Tensor) -> Tensor:
    """Return mask logits (M, T, h, w) of embeddings (M, C), offsets (M,), features (T, C, h, w)."""
    logits = torch.einsum('mc,tcp->mtp', embeds, features.flatten(2))
    return (logits + offsets[:, None, None]).unflatten(-1, features.shape[-2:])


def mask_normalizer(features: Tensor, targets: Sequence[MaskTarget]) -> Tensor:
    """Return the divisor of the mask losses of this process, a scalar on the device of a tensor.

    It is the number of instances in all targets, the mean over processes, at least 1 per clip.
    """
    instances = float(sum(len(target.labels) for target in targets))
    # Not in the precision of the features: bfloat16 has no 257.
    count = features.new_full((), instances, dtype=torch.float32)
    return reduce_mean(count).clamp(min=_num_clips(targets))


def _num_clips(targets: Sequence[MaskTarget]) -> int:
    """Number of clips B of the batch."""
    return max(target.clip for target in targets) + 1


def _target_index(instances: Tensor, target: MaskTarget) -> Tensor:
    """Map sorted indices of instances in ``gt_tracks`` to their indices in the target."""
    return torch.searchsorted(target.instances, instances)


def _pairs(
    matchings: Sequence[Sequence[Matching]], targets: Sequence[MaskTarget], num_features: int
) -> list[_Pair]:
    """Return the matched pairs of all layers and sets, sorted by features."""
    sets = [
        (layer, index)
        for source in range(num_features)
        for layer in range(len(matchings))
        for index in range(source, len(targets), num_features)
    ]
    matched = [
        torch.stack([queries, _target_index(instances, targets[index])], 1)
        for layer, index in sets
        for queries, instances in (matchings[layer][index],)
    ]
    rows = iter(torch.cat(matched).tolist())  # of all sets at once: one wait for a GPU
    return [
        _Pair(layer, index, *next(rows))
        for (layer, index), pairs in zip(sets, matched, strict=True)
        for _ in range(len(pairs))
    ]
