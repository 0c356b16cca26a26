"""Where masks are compared: random points instead of all pixels."""

import torch
from mmdet.models.utils import get_uncertain_point_coords_with_randomness
from torch import Tensor


class PointSampler:
    """Draw points in [0, 1] x [0, 1] as PointRend and Mask2Former do.

    Args:
        num_points: P.
        oversample_ratio: For a loss this many times P points are drawn first.
        importance_ratio: Share of the P points that are the most uncertain of those; the rest is
            drawn anew.
    """

    def __init__(
        self,
        *,
        num_points: int = 12544,
        oversample_ratio: float = 3.0,
        importance_ratio: float = 0.75,
    ) -> None:
        self.num_points = num_points
        self.oversample_ratio = oversample_ratio
        self.importance_ratio = importance_ratio

    def for_matching(self, like: Tensor) -> Tensor:
        """Points (1, P, 2), x before y, on the device of ``like``."""
        return torch.rand(1, self.num_points, 2, device=like.device)

    def for_loss(self, logits: Tensor) -> Tensor:
        """Points (M, P, 2) for each of M mask logits (M, 1, h, w)."""
        labels = logits.new_zeros(len(logits), dtype=torch.long)
        return get_uncertain_point_coords_with_randomness(
            logits, labels, self.num_points, self.oversample_ratio, self.importance_ratio
        )
