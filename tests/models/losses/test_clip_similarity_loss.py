"""The similarity loss equals hand-computed values; clips and layers are independent."""

import pytest
import torch
import torch.nn.functional as F

from avis.models.losses.clip_similarity_loss import ClipSimilarityLoss


def pairs(*rows: tuple[int, int]):
    """Queries and instances."""
    table = torch.tensor(rows, dtype=torch.long).view(-1, 2)
    return table[:, 0], table[:, 1]


def test_loss_is_mean_over_pairs_of_each_clip_and_layer() -> None:
    torch.manual_seed(0)
    frames, clips = torch.randn(2, 2, 2, 3, 4), torch.randn(2, 2, 5, 4)  # L, B, T, P, C
    shown = [
        [pairs((0, 1), (2, 0)), pairs((1, 0)), pairs((1, 0)), pairs()],  # first layer: B * T
        [pairs((1, 1)), pairs((2, 1)), pairs(), pairs((0, 0))],
    ]
    tracks = [pairs((3, 0), (4, 1)), pairs((0, 0)), pairs((1, 0), (2, 1)), pairs((4, 0))]
    logits, same = [], []
    for layer in range(2):
        for clip in range(2):
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
    expected = F.binary_cross_entropy_with_logits(torch.stack(logits), torch.tensor(same))
    got = ClipSimilarityLoss()(frames, clips, shown, tracks)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(
        ClipSimilarityLoss(weight=0.5)(frames, clips, shown, tracks), 0.5 * expected
    )


def test_loss_without_pairs_is_zero_with_gradient() -> None:
    frames, clips = torch.randn(1, 1, 2, 3, 4, requires_grad=True), torch.randn(1, 1, 5, 4)
    loss = ClipSimilarityLoss()(frames, clips, [[pairs(), pairs()]], [pairs()])
    loss.backward()
    assert loss.item() == pytest.approx(0)
    assert frames.grad is not None
