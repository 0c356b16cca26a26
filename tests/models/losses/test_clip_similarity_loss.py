"""The similarity loss equals hand-computed values; clips and layers are independent."""

import pytest
import torch
import torch.nn.functional as F

from avis.models.losses.clip_similarity_loss import ClipSimilarityLoss


def pairs(*rows: tuple[int, int]):
    """Queries and instances."""
    table = torch.tensor(rows, dtype=torch.long).view(-1, 2)
    return table[:, 0], table[:, 1]


def test_loss_is_mean_over_clips_of_mean_over_pairs_of_all_layers() -> None:
    torch.manual_seed(0)
    frames, clips = torch.randn(2, 2, 2, 3, 4), torch.randn(2, 2, 5, 4)  # L, B, T, P, C
    shown = [
        [pairs((0, 1), (2, 0)), pairs((1, 0)), pairs((1, 0)), pairs()],  # first layer: B * T
        [pairs((1, 1)), pairs((2, 1)), pairs(), pairs((0, 0))],
    ]
    tracks = [pairs((3, 0), (4, 1)), pairs((0, 0)), pairs((1, 0), (2, 1)), pairs((4, 0))]
    expected = []
    for clip in range(2):
        logits, same = [], []
        for layer in range(2):
            queries, instances = tracks[layer * 2 + clip]
            table = [
                (clips[layer, clip, q], int(i)) for q, i in zip(queries, instances, strict=True)
            ]
            for t in range(2):
                queries, instances = shown[layer][clip * 2 + t]
                table += [
                    (frames[layer, clip, t, q], int(i))
                    for q, i in zip(queries, instances, strict=True)
                ]
            for one, first in table:
                for other, second in table:
                    logits.append(one @ other)
                    same.append(float(first == second))
        of_clip = F.binary_cross_entropy_with_logits(torch.stack(logits), torch.tensor(same))
        expected.append(of_clip)
    mean = (expected[0] + expected[1]) / 2
    got = ClipSimilarityLoss()(frames, clips, shown, tracks)
    torch.testing.assert_close(got, mean)
    half = ClipSimilarityLoss(weight=0.5)(frames, clips, shown, tracks)
    torch.testing.assert_close(half, 0.5 * mean)


def test_clip_without_instances_counts_in_the_mean() -> None:
    torch.manual_seed(0)
    frames, clips = torch.randn(1, 2, 1, 3, 4), torch.randn(1, 2, 5, 4)  # L, B, T, P, C
    both = ClipSimilarityLoss()(frames, clips, [[pairs((0, 0)), pairs()]], [pairs((1, 0)), pairs()])
    one = ClipSimilarityLoss()(frames[:, :1], clips[:, :1], [[pairs((0, 0))]], [pairs((1, 0))])
    torch.testing.assert_close(both, one / 2)


def test_loss_without_pairs_is_zero_with_gradient() -> None:
    frames, clips = torch.randn(1, 1, 2, 3, 4, requires_grad=True), torch.randn(1, 1, 5, 4)
    loss = ClipSimilarityLoss()(frames, clips, [[pairs(), pairs()]], [pairs()])
    loss.backward()
    assert loss.item() == pytest.approx(0)
    assert frames.grad is not None
