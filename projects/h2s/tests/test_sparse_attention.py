"""Sparse attention equals attention over lists of tokens, fillers included."""

import pytest
import torch
from h2s.sparse_attention import Clusters, SemanticSparseAttention
from torch import Tensor


def build(**settings) -> SemanticSparseAttention:
    torch.manual_seed(0)
    return SemanticSparseAttention(channels=8, num_heads=2, top_p=0.7, num_clusters=3, **settings)


def attend_over_lists(
    layer: SemanticSparseAttention, queries: Tensor, tokens: Tensor, clusters: Clusters
) -> Tensor:
    """Gather the tokens of each query, sorted by cluster, and fill short lists with the first."""
    query, key, value = (
        part.unflatten(-1, (2, 4)).transpose(1, 2).flatten(0, 1)
        for part in (layer.q_proj(queries), layer.k_proj(tokens), layer.v_proj(tokens))
    )
    lists, sorts = [], clusters.key_labels.argsort(dim=-1, stable=True)
    for row, order in enumerate(sorts):
        for label in clusters.query_labels[row]:
            kept = clusters.selected[row, label, clusters.key_labels[row, order]]
            lists.append((order[0], order[kept]))
    longest = max(len(kept) for _, kept in lists)
    rows = []
    for index, (first, kept) in enumerate(lists):
        chosen = torch.cat([kept, first.expand(longest - len(kept))])
        row = index // queries.shape[1]
        logits = key[row, chosen] @ query[row, index % queries.shape[1]] / 2
        rows.append(logits.softmax(0) @ value[row, chosen])
    heads = torch.stack(rows).view(len(queries), 2, -1, 4)
    return layer.out_proj(heads.transpose(1, 2).flatten(2))


def test_output_and_gradient_are_those_of_lists_with_fillers() -> None:
    layer = build(cluster_seed=0)
    queries, tokens = torch.randn(3, 6, 8), torch.randn(3, 12, 8)
    heads = [
        project(x).unflatten(-1, (2, 4)).transpose(1, 2)
        for project, x in ((layer.q_proj, queries), (layer.k_proj, tokens))
    ]
    clusters = layer.cluster(*heads)
    assert not clusters.selected.all()
    gradients = []
    for output in (layer(queries, tokens), attend_over_lists(layer, queries, tokens, clusters)):
        layer.zero_grad()
        output.square().sum().backward()
        gradients.append([output, *(weight.grad.clone() for weight in layer.parameters())])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_top_p_keeps_at_least_the_largest_cluster() -> None:
    layer = build(cluster_seed=0)
    layer.top_p = 0.0
    x = torch.randn(2, 2, 9, 4)
    assert (layer.cluster(x, x).selected.sum(-1) == 1).all()


@pytest.mark.parametrize('count_fillers', [True, False])
def test_frame_depends_on_its_chunk_only_if_fillers_count(count_fillers: bool) -> None:
    layer = build(cluster_seed=0, count_fillers=count_fillers).eval()
    queries, tokens = torch.randn(4, 6, 8), torch.randn(4, 12, 8)
    with torch.no_grad():
        together, alone = layer(queries, tokens), layer(queries[:1], tokens[:1])
    assert torch.allclose(together[:1], alone, atol=1e-6) != count_fillers


def test_inference_is_reproducible_with_a_seed_only() -> None:
    queries, tokens = torch.randn(4, 6, 8), torch.randn(4, 12, 8)
    for seed, same in ((0, True), (None, False)):
        layer = build(cluster_seed=seed).eval()
        with torch.no_grad():
            results = [layer(queries, tokens) for _ in range(5)]
        assert all(torch.equal(result, results[0]) for result in results) == same
