"""One-to-one matching of predicted and ground-truth masks, of a frame or of a whole clip."""

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
    def __call__(
        self, class_logits: Tensor, mask_logits: Tensor, target: MaskTarget, points: Tensor
    ) -> Matching:
        """Match queries with instances.

        Args:
            class_logits: (Q, K + 1).
            mask_logits: (Q, T, h, w).
            target: N instances over the same T frames, at any resolution.
            points: (1, P, 2), x and y in [0, 1], the same for all masks and frames.

        Returns:
            Sorted query indices (M,), and the indices (M,) of their instances in ``gt_tracks``, for
            M = min(Q, N).
        """
        from scipy.optimize import linear_sum_assignment  # slow, and for training only

        if not len(target.labels):
            return target.instances, target.instances
        logits = _at_points(mask_logits, points)  # (Q, T * P)
        gt = _at_points(target.masks, points)  # (N, T * P)
        cost = -self.class_weight * class_logits.float().softmax(-1)[:, target.labels]
        cost = cost + self.mask_weight * _mean_cross_entropy(logits, gt)
        cost = cost + self.dice_weight * _dice(logits.sigmoid(), gt)
        # NaN of a diverged network must reach the loss, whose check names the cause.
        cost = cost.nan_to_num(nan=1e6, posinf=1e6, neginf=-1e6)
        queries, columns = (
            torch.from_numpy(index).to(points.device)
            for index in linear_sum_assignment(cost.cpu().numpy())
        )
        return queries, target.instances[columns]


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
    return 1 - (2 * prob @ gt.T + 1) / (total + 1)
