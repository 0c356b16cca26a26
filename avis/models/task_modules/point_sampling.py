"""Where masks are compared: random points instead of all pixels."""

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.ops import point_sample
from torch import Generator, Tensor


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

    def for_matching(self, like: Tensor, generator: Generator | None = None) -> Tensor:
        """Points (1, P, 2), x before y, on the device of ``like``."""
        return torch.rand(1, self.num_points, 2, device=like.device, generator=generator)

    def for_loss(self, logits: Tensor, generator: Generator | None = None) -> Tensor:
        """Points (M, P, 2) for each of M mask logits (M, 1, h, w)."""
        device, masks = logits.device, len(logits)
        drawn = int(self.num_points * self.oversample_ratio)
        num_uncertain = int(self.num_points * self.importance_ratio)
        points = torch.rand(masks, drawn, 2, device=device, generator=generator)
        certainty = point_sample(logits, points)[:, 0].abs()  # (M, drawn)
        kept = certainty.topk(num_uncertain, largest=False).indices
        uncertain = points.gather(1, kept[..., None].expand(-1, -1, 2))
        num_others = self.num_points - num_uncertain
        others = torch.rand(masks, num_others, 2, device=device, generator=generator)
        return torch.cat([uncertain, others], 1)


def draws_of(seed: Sequence[int], device: torch.device) -> Generator | None:
    """What a clip or a frame draws from: a generator of its own.

    Args:
        seed: Numbers that fix its draws, whatever else is in the batch; empty if there are none.
        device: Where it draws.

    Returns:
        The generator; None, torch's own one, without a seed.
    """
    if not seed:
        return None
    state = np.random.SeedSequence(seed).generate_state(1)
    return torch.Generator(device).manual_seed(int(state[0]))
