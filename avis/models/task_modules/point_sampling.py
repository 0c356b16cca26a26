"""Random points at which masks are compared, instead of all pixels."""

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.ops import point_sample
from torch import Generator, Tensor

_OVERSAMPLE_RATIO = 3.0  # of the candidates of a loss over the points kept
_IMPORTANCE_RATIO = 0.75  # share of the kept points that are the most uncertain candidates


class PointSampler:
    """Draw points in [0, 1] x [0, 1] as PointRend and Mask2Former do.

    For a loss 3 * P points are drawn first; the most uncertain of them are three quarters of the P
    points, the rest is drawn anew.

    Sources: Kirillov et al., *PointRend*, CVPR 2020 (arXiv:1912.08193); Cheng et al.,
    *Mask2Former*, CVPR 2022 (arXiv:2112.01527).

    Args:
        num_points: P.
    """

    def __init__(self, *, num_points: int = 12544) -> None:
        self.num_points = num_points

    def for_matching(self, like: Tensor, generator: Generator | None = None) -> Tensor:
        """Return points (1, P, 2), x and y, on the device of ``like``."""
        return torch.rand(1, self.num_points, 2, device=like.device, generator=generator)

    def for_loss(self, logits: Tensor, generator: Generator | None = None) -> Tensor:
        """Return points (M, P, 2) for each of M masks with logits (M, 1, h, w)."""
        device, masks = logits.device, len(logits)
        drawn = int(self.num_points * _OVERSAMPLE_RATIO)
        num_others = self.num_points - int(self.num_points * _IMPORTANCE_RATIO)
        candidates = torch.rand(masks, drawn, 2, device=device, generator=generator)
        others = torch.rand(masks, num_others, 2, device=device, generator=generator)
        return self.select(logits, candidates, others)

    def select(self, logits: Tensor, candidates: Tensor, others: Tensor) -> Tensor:
        """Return the most uncertain candidates (M, N, 2), and others (M, P', 2): (M, P, 2)."""
        certainty = point_sample(logits, candidates)[:, 0].abs()  # (M, N)
        kept = certainty.topk(self.num_points - others.shape[1], largest=False).indices
        uncertain = candidates.gather(1, kept[..., None].expand(-1, -1, 2))
        return torch.cat([uncertain, others], 1)


def make_generator(seed: Sequence[int], device: torch.device) -> Generator | None:
    """Make the random generator of a clip or a frame.

    Args:
        seed: Its seed, independent of the rest of the batch; empty for none.
        device: Device of the random numbers.

    Returns:
        The generator; None without a seed, which selects torch's global generator.
    """
    if not seed:
        return None
    state = np.random.SeedSequence(seed).generate_state(1)
    return torch.Generator(device).manual_seed(int(state[0]))
