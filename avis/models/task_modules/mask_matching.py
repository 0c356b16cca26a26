"""One-to-one matching of predicted and ground-truth masks, of a frame or of a whole clip."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.ops import point_sample
from torch import Tensor

from avis.models.decode_heads.frame_predictions import Matching
from avis.models.task_modules.mask_targets import MaskTarget


class MaskMatcher:
    """Hungarian matching by class, binary cross-entropy and dice at random points.

    Source: Cheng et al., *Mask2Former*, CVPR 2022 (arXiv:2112.01527).

    Args:
        class_weight: Weight of the negative probability of the ground-truth class.
        mask_weight: Weight of the binary cross-entropy.
        dice_weight: Weight of the dice loss.
    """

    def __init__(
        self, *, class_weight: float = 2.0, mask_weight: float = 5.0, dice_weight: float = 5.0
    ) -> None:
        self.class_weight = class_weight
        self.mask_weight = mask_weight
        self.dice_weight = dice_weight

    @torch.no_grad()
    def cost(
        self, class_logits: Tensor, mask_logits: Tensor, target: MaskTarget, points: Tensor
    ) -> Tensor:
        """Return the cost (Q, N) of each pair of query and instance.

        Args:
            class_logits: (Q, K + 1).
            mask_logits: (Q, T, h, w).
            target: N instances over the same T frames, at any resolution.
            points: (1, P, 2), x and y in [0, 1], the same for all masks and frames.
        """
        if not len(target.labels):
            return mask_logits.new_zeros(len(mask_logits), 0, dtype=torch.float32)
        logits = _at_points(mask_logits, points)  # (Q, T * P)
        gt = _at_points(target.masks, points)  # (N, T * P)
        cost = -self.class_weight * class_logits.float().softmax(-1)[:, target.labels]
        with torch.autocast(logits.device.type, enabled=False):  # products over all points
            cost = cost + self.mask_weight * _mean_cross_entropy(logits, gt)
            cost = cost + self.dice_weight * _dice(logits.sigmoid(), gt)
        # NaN of a diverged network must reach the loss, whose check names the cause.
        return cost.nan_to_num(nan=1e6, posinf=1e6, neginf=-1e6)


def match_layers(costs: Sequence[Tensor], targets: Sequence[MaskTarget]) -> list[Matching]:
    """Match queries with instances, by the costs (Q, N) of several targets.

    All costs are copied to the CPU at once, so that a GPU is waited for once.

    Returns:
        Per target the sorted query indices (M,), and the indices (M,) of their instances in
        ``gt_tracks``, for M = min(Q, N).
    """
    from scipy.optimize import linear_sum_assignment  # slow, and for training only

    values = torch.cat([cost.flatten() for cost in costs]).cpu()
    on_cpu = [
        part.view_as(cost)
        for part, cost in zip(values.split([cost.numel() for cost in costs]), costs, strict=True)
    ]
    pairs = [torch.from_numpy(np.stack(linear_sum_assignment(cost.numpy()))) for cost in on_cpu]
    device = costs[0].device
    index = torch.cat(pairs, 1).to(device, non_blocking=True).split([x.shape[1] for x in pairs], 1)
    return [
        (queries, target.instances[columns])
        for (queries, columns), target in zip(index, targets, strict=True)
    ]


def _at_points(masks: Tensor, points: Tensor) -> Tensor:
    """Sample masks (M, T, h, w) at points (1, P, 2) of every frame: (M, T * P)."""
    return point_sample(masks.flatten(0, 1)[None].float(), points)[0].view(len(masks), -1)


def _mean_cross_entropy(logits: Tensor, gt: Tensor) -> Tensor:
    """Mean binary cross-entropy of all pairs: (Q, P) and (N, P) to (Q, N)."""
    # -t log s(x) - (1 - t) log(1 - s(x)) = softplus(x) - t x
    return (F.softplus(logits).sum(-1)[:, None] - logits @ gt.T) / logits.shape[-1]


def _dice(prob: Tensor, gt: Tensor) -> Tensor:
    """Dice loss of all pairs: (Q, P) and (N, P) to (Q, N)."""
    total = prob.sum(-1)[:, None] + gt.sum(-1)[None]
    return 1 - (2 * (prob @ gt.T) + 1) / (total + 1)
