"""K-means as H2S runs it: k-means++ seeding and exactly 50 iterations, of many sets at once."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

_ITERATIONS = 50
_CHECK_EVERY = 8  # iterations on a GPU between two tests for convergence, which wait for it

# Draws one token per set: weights (R, P) and the index of the center -> indices (R,). The weights
# are squared distances to the nearest center; those of the first center are 1.
Draw = Callable[[Tensor, int], Tensor]


def draw_random(weights: Tensor, center: int) -> Tensor:
    """Draw from torch's global generator, as the official code does in testing too."""
    if center == 0:
        return torch.randint(0, weights.shape[1], (len(weights),), device=weights.device)
    return torch.multinomial(weights, 1)[:, 0]


class SeededDraw:
    """Draw from a generator with a fixed seed, with the same random numbers in every frame.

    The result of a frame depends neither on other frames nor on earlier calls.

    Args:
        seed: Seed of the random numbers.
        num_heads: M; the sets are those of the heads of one frame after the other.
    """

    def __init__(self, seed: int, num_heads: int) -> None:
        self.seed = seed
        self.num_heads = num_heads

    def __call__(self, weights: Tensor, center: int) -> Tensor:
        """Draw one index per set (R,) of weights (R, P) by inverting the cumulative sum."""
        generator = torch.Generator().manual_seed(self.seed + center)
        uniform = torch.rand(self.num_heads, generator=generator)
        uniform = uniform.to(weights, non_blocking=True)
        cumulative = weights.cumsum(1)
        drawn = uniform.repeat(len(weights) // self.num_heads)[:, None] * cumulative[:, -1:]
        return torch.searchsorted(cumulative, drawn, right=True)[:, 0].clamp(
            max=weights.shape[1] - 1
        )


@torch.no_grad()
def k_means(tokens: Tensor, num_clusters: int, draw: Draw) -> tuple[Tensor, Tensor]:
    """Cluster the tokens of each set.

    As in the official code an empty cluster has the center zero, and the returned centers are those
    before the last assignment. Iterations stop where nothing changes any more, with the same
    result.

    Args:
        tokens: (R, P, C), float32.
        num_clusters: K, at most P are made.
        draw: Draws the initial centers.

    Returns:
        The cluster of each token, (R, P), and the centers (R, K, C).
    """
    tokens = tokens.float()
    centers = _seed_centers(tokens, min(num_clusters, tokens.shape[1]), draw)
    labels = _assign(tokens, centers)
    check_every = 1 if tokens.device.type == 'cpu' else _CHECK_EVERY
    for iteration in range(_ITERATIONS):
        members = F.one_hot(labels, centers.shape[1]).to(tokens)  # (R, P, K)
        centers = (members.mT @ tokens) / members.sum(1).clamp(min=1)[..., None]
        previous, labels = labels, _assign(tokens, centers)
        if iteration % check_every == 0 and torch.equal(previous, labels):
            break
    return labels, centers


def _seed_centers(tokens: Tensor, num_clusters: int, draw: Draw) -> Tensor:
    """Return initial centers (R, K, C): tokens drawn one by one, far ones more likely."""
    rows = torch.arange(len(tokens), device=tokens.device)
    weights = torch.ones_like(tokens[..., 0])
    centers = [tokens[rows, draw(weights, 0)]]
    nearest = torch.full_like(weights, torch.inf)
    for index in range(1, num_clusters):
        nearest = torch.minimum(nearest, (tokens - centers[-1][:, None]).square().sum(-1))
        # Of equal tokens any one is drawn.
        weights = torch.where(nearest.sum(1, keepdim=True) > 0, nearest, 1.0)
        centers.append(tokens[rows, draw(weights, index)])
    return torch.stack(centers, 1)


def _assign(tokens: Tensor, centers: Tensor) -> Tensor:
    """Return the index of the nearest center of each token, (R, P)."""
    # |x|^2 is the same for all centers.
    return torch.baddbmm(centers.square().sum(-1)[:, None], tokens, centers.mT, alpha=-2).argmin(-1)
