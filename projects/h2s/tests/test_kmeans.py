"""K-means with fixed iterations, and the seeding of its centers."""

import torch
from h2s.kmeans import SeededDraw, draw_random, k_means


def lloyd(tokens: torch.Tensor, first: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """50 iterations of one set, cluster by cluster; the centers are those before the labels."""
    centers = tokens[first].clone()
    for _ in range(50):
        labels = torch.cdist(tokens, centers).argmin(1)
        for index in range(len(centers)):
            members = tokens[labels == index]
            centers[index] = members.mean(0) if len(members) else 0
    return torch.cdist(tokens, centers).argmin(1), centers


def draw_given(weights: torch.Tensor, center: int) -> torch.Tensor:
    return torch.full((len(weights),), [0, 5, 1][center])


def test_result_is_that_of_50_iterations() -> None:
    tokens = torch.randn(4, 30, 3, generator=torch.Generator().manual_seed(0))
    labels, centers = k_means(tokens, 3, draw_given)
    for ours, own_centers, own in zip(labels, centers, tokens, strict=True):
        expected_labels, expected_centers = lloyd(own, [0, 5, 1])
        assert torch.equal(ours, expected_labels)
        torch.testing.assert_close(own_centers, expected_centers)


def test_center_of_an_empty_cluster_is_zero() -> None:
    tokens = torch.tensor([[[5.0], [5.0], [7.0], [7.0], [5.0], [5.0]]])
    labels, centers = k_means(tokens, 3, draw_given)  # three equal first centers
    assert labels.unique().numel() == 1
    assert centers.flatten().tolist() == [6.0, 0.0, 0.0] or centers[0, 1:].abs().max() == 0


def test_fewer_tokens_than_clusters_are_clusters_of_their_own() -> None:
    labels, centers = k_means(torch.tensor([[[0.0], [1.0], [9.0]]]), 8, draw_random)
    assert centers.shape == (1, 3, 1)
    assert labels.unique().numel() == 3


def test_seeded_draw_depends_neither_on_other_frames_nor_on_earlier_calls() -> None:
    tokens = torch.randn(3 * 2, 20, 4, generator=torch.Generator().manual_seed(1))  # two heads
    draw = SeededDraw(7, num_heads=2)
    labels, _ = k_means(tokens, 4, draw)
    torch.rand(5)  # does not matter
    again, _ = k_means(tokens[2:4], 4, draw)
    assert torch.equal(labels[2:4], again)
    other, _ = k_means(tokens, 4, SeededDraw(8, num_heads=2))
    assert not torch.equal(labels, other)


def test_random_draw_follows_the_global_generator() -> None:
    tokens = torch.randn(2, 20, 4, generator=torch.Generator().manual_seed(1))
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append(k_means(tokens, 4, draw_random)[0])
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
