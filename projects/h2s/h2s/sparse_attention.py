"""Attention from a query to the tokens of similar clusters only."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.linear import TokenLinear
from h2s.kmeans import Draw, SeededDraw, draw_random, k_means


class Clusters(NamedTuple):
    """Clusters of the queries and tokens of N * M pairs of frame and head.

    Attributes:
        query_labels: Cluster of each query, (N * M, Q).
        key_labels: Cluster of each token, (N * M, P).
        selected: bool (N * M, K, K'), the clusters of tokens that each cluster of queries reads.
    """

    query_labels: Tensor
    key_labels: Tensor
    selected: Tensor


class SemanticSparseAttention(nn.Module):
    """Multi-head attention restricted to the clusters that hold most of the attention.

    Queries and tokens of each frame and head are clustered by k-means. A cluster of queries reads
    the clusters of tokens with the largest share of its attention, estimated from centers and
    sizes, as long as their sum is at most ``top_p``, and at least one.

    The official code gathers a list of tokens per query. All lists of a call have the length of the
    longest one, and shorter ones are filled with the first token of the lowest cluster, which is
    not masked: it counts several times, and the result of a frame depends on the other frames of
    its chunk. Here a token that is read n times has log n added to its attention logit, which gives
    the same output and, in contrast to the official CUDA kernel, the true gradient.

    Source: ``av_sf`` of the official code, leiyeliu/H2S.

    Args:
        channels: C, width of queries and tokens.
        num_heads: M.
        top_p: Largest share of attention that the clusters after the first one may complete.
        num_clusters: K, clusters of queries and of tokens.
        cluster_seed: Seed of the initial clusters; None draws them from torch's global generator,
            in testing too, as the official code does.
        count_fillers: Read the fillers, as the official code does; False reads each token once.
    """

    def __init__(
        self,
        *,
        channels: int,
        num_heads: int,
        top_p: float,
        num_clusters: int = 8,
        cluster_seed: int | None = None,
        count_fillers: bool = True,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.top_p = top_p
        self.num_clusters = num_clusters
        self.count_fillers = count_fillers
        self.draw: Draw = (
            draw_random if cluster_seed is None else SeededDraw(cluster_seed, num_heads)
        )
        self.q_proj = TokenLinear(channels, channels)
        self.k_proj = TokenLinear(channels, channels)
        self.v_proj = TokenLinear(channels, channels)
        self.out_proj = TokenLinear(channels, channels)

    def forward(self, queries: Tensor, tokens: Tensor) -> Tensor:
        """Attend from queries (N, Q, C) to tokens (N, P, C); returns (N, Q, C)."""
        query, key = self._heads(self.q_proj(queries)), self._heads(self.k_proj(tokens))
        value = self._heads(self.v_proj(tokens))  # (N, M, P, C / M)
        clusters = self.cluster(query, key)
        counts = self.read_counts(clusters)  # (N * M, K, P)
        logs = counts.log().to(query).unflatten(0, query.shape[:2])
        labels = clusters.query_labels.unflatten(0, query.shape[:2])
        attended = [
            F.scaled_dot_product_attention(
                q[None], k[None], v[None], _rows(of_cluster, of_query)[None]
            )
            for q, k, v, of_cluster, of_query in zip(query, key, value, logs, labels, strict=True)
        ]
        out: Tensor = self.out_proj(torch.cat(attended).transpose(1, 2).flatten(2))
        return out

    @torch.no_grad()
    def cluster(self, query: Tensor, key: Tensor) -> Clusters:
        """Cluster projected queries (N, M, Q, d) and keys (N, M, P, d), and select clusters."""
        with torch.autocast(query.device.type, enabled=False):  # in float32
            query_labels, centers = k_means(query.flatten(0, 1), self.num_clusters, self.draw)
            key_labels, key_centers = k_means(key.flatten(0, 1), self.num_clusters, self.draw)
            scores = centers @ key_centers.mT * query.shape[-1] ** -0.5  # (N * M, K, K')
        sizes = F.one_hot(key_labels, key_centers.shape[1]).sum(1)[:, None]
        largest = scores.amax(-1, keepdim=True)
        weights = sizes * (scores - largest).exp()
        # The official code does not subtract the maximum, and adds 1e-8 to the sum.
        shares = weights / (weights.sum(-1, keepdim=True) + 1e-8 * (-largest).exp())
        shares, order = shares.sort(dim=-1, descending=True, stable=True)
        kept = shares.cumsum(-1) <= self.top_p
        kept[..., 0] = True
        return Clusters(query_labels, key_labels, torch.zeros_like(kept).scatter(-1, order, kept))

    def read_counts(self, clusters: Clusters) -> Tensor:
        """Return how often each cluster of queries reads each token, (N * M, K, P)."""
        labels = clusters.key_labels
        index = labels[:, None].expand(-1, clusters.selected.shape[1], -1)
        counts = clusters.selected.gather(-1, index).float()
        if not self.count_fillers:
            return counts
        lengths = counts.sum(-1)  # (N * M, K)
        longest = self.num_keys(clusters, lengths)
        first = labels.argmin(-1)  # the first token of the lowest cluster
        counts[torch.arange(len(first), device=first.device), :, first] += (
            longest - lengths
        ).clamp(min=0)
        return counts

    def num_keys(self, clusters: Clusters, lengths: Tensor) -> Tensor:
        """Return the length of the longest list of a query, of those (N * M, K) of clusters."""
        return lengths.gather(1, clusters.query_labels).amax()

    def _heads(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


def _rows(of_cluster: Tensor, labels: Tensor) -> Tensor:
    """Return the rows (M, Q, P) of queries with clusters (M, Q), of the rows (M, K, P)."""
    return of_cluster.gather(1, labels[..., None].expand(-1, -1, of_cluster.shape[-1]))
