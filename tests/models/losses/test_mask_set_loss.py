"""The set loss equals mmdet's assigner and a direct computation layer by layer."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import point_sample
from mmdet.models.task_modules.assigners import HungarianAssigner
from mmengine.structures import InstanceData

from avis.models.losses.mask_set_loss import MaskSetLoss, SetPredictions, mask_normalizer
from avis.models.task_modules.mask_matching import MaskMatcher, match_layers
from avis.models.task_modules.mask_targets import MaskTarget

K, Q, C, T = 4, 9, 6, 2


class FixedPoints:
    """The same points for every mask."""

    def __init__(self, num_points: int = 50) -> None:
        self.points = torch.rand(1, num_points, 2, generator=torch.Generator().manual_seed(3))

    def for_matching(self, like, generator=None):
        return self.points

    def for_loss(self, logits, generator=None):
        return self.points.expand(len(logits), -1, -1)


@pytest.fixture
def loss() -> MaskSetLoss:
    loss = MaskSetLoss(num_classes=K)
    loss.points = FixedPoints()
    return loss


def scene(counts=(3, 0, 2, 1)):
    """Four sets over two features; the last class is "no object", and may be a label."""
    torch.manual_seed(0)
    sets = len(counts)
    layers = [
        SetPredictions(torch.randn(sets, Q, K + 1), torch.randn(sets, Q, C), torch.randn(sets, Q))
        for _ in range(3)
    ]
    features = torch.randn(2, T, C, 5, 7)
    targets = [
        MaskTarget(
            torch.randint(0, K + 1, (n,)), torch.rand(n, T, 20, 28) < 0.4, torch.arange(n) * 2 + 1
        )
        for n in counts
    ]
    return layers, features, targets


def dense(layer: SetPredictions, features, index: int):
    """Masks (Q, T, h, w) of one set."""
    logits = torch.einsum('qc,tchw->qthw', layer.mask_embeds[index], features[index % 2])
    return logits + layer.mask_offsets[index][:, None, None, None]


def test_equals_direct_computation_per_layer(loss) -> None:
    layers, features, targets = scene()
    losses, matchings = loss(layers, features, targets)
    points = loss.points.points
    for layer, got, matched in zip(layers, losses, matchings, strict=True):
        wanted, entropy, dice = torch.full((4, Q), K), 0.0, 0.0
        for index, ((queries, instances), target) in enumerate(zip(matched, targets, strict=True)):
            rows = (instances - 1) // 2
            wanted[index, queries] = target.labels[rows]
            for query, row in zip(queries, rows, strict=True):
                x = point_sample(dense(layer, features, index)[query][None], points)[0].flatten()
                t = point_sample(target.masks[row][None].float(), points)[0].flatten()
                entropy += F.binary_cross_entropy_with_logits(x, t)
                p = x.sigmoid()
                dice += 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
        weight = torch.tensor([1.0] * K + [0.1])
        ce = F.cross_entropy(layer.class_logits.flatten(0, 1), wanted.flatten(), weight)
        torch.testing.assert_close(got['ce'], 2 * ce)
        torch.testing.assert_close(got['mask'], 5 * entropy / 6)
        torch.testing.assert_close(got['dice'], 5 * dice / 6)


def test_matching_equals_mmdet(loss) -> None:
    layers, features, targets = scene()
    assigner = HungarianAssigner(
        match_costs=[
            {'type': 'ClassificationCost', 'weight': 2.0},
            {'type': 'CrossEntropyLossCost', 'weight': 5.0, 'use_sigmoid': True},
            {'type': 'DiceCost', 'weight': 5.0, 'pred_act': True, 'eps': 1.0},
        ]
    )
    _, matchings = loss(layers, features, targets)
    points = loss.points.points
    for index, (queries, instances) in enumerate(matchings[0]):
        target = targets[index]
        masks = dense(layers[0], features, index)
        x = point_sample(masks.flatten(0, 1)[None], points)[0].view(Q, -1)
        t = point_sample(target.masks.flatten(0, 1)[None].float(), points)[0]
        theirs = assigner.assign(
            InstanceData(scores=layers[0].class_logits[index], masks=x),
            InstanceData(labels=target.labels, masks=t.view(len(target.labels), T * 50)),
            {},
        ).gt_inds
        assert queries.tolist() == theirs.nonzero()[:, 0].tolist()
        assert ((instances - 1) // 2 + 1).tolist() == theirs[queries].tolist()


def test_given_matchings_are_used(loss) -> None:
    layers, features, targets = scene()
    matched = loss.match(layers[0], features, targets)
    expected, matchings = loss(layers, features, targets)
    assert [pairs[0].tolist() for pairs in matched] == [p[0].tolist() for p in matchings[0]]
    losses, used = loss(layers, features, targets, [matched] * 3)
    torch.testing.assert_close(losses[0], expected[0])
    assert all(pairs is matched[0] for pairs, *_ in used)


def test_mask_losses_of_clip_do_not_depend_on_batch() -> None:
    layers, features, targets = scene()
    targets = [
        replace(target, clip=index % 2, seed=(5, index % 2)) for index, target in enumerate(targets)
    ]
    loss = MaskSetLoss(num_classes=K, num_points=40)
    together, matchings = loss(layers, features, targets)
    alone = []
    for number in range(2):  # sets 0 and 2 belong to one clip, 1 and 3 to the other
        own = [SetPredictions(*(part[number::2] for part in layer)) for layer in layers]
        own_targets = [replace(target, clip=0) for target in targets[number::2]]
        losses, matched = loss(own, features[number : number + 1], own_targets)
        alone.append(losses)
        for one, both in zip(matched, matchings, strict=True):
            assert [pairs[0].tolist() for pairs in one] == [p[0].tolist() for p in both[number::2]]
    for name in ('mask', 'dice'):
        for layer in range(3):  # means over 5 instances, and 1
            total = 5 * alone[0][layer][name] + alone[1][layer][name]
            torch.testing.assert_close(6 * together[layer][name], total)
    for layer in range(3):  # means over the queries of each clip
        mean = (alone[0][layer]['ce'] + alone[1][layer]['ce']) / 2
        torch.testing.assert_close(together[layer]['ce'], mean)


@pytest.mark.parametrize(
    ('num_clips', 'counts', 'mean_count', 'divisor'),
    [(1, (2, 1), 2.5, 2.5), (1, (1, 0), 0.5, 1), (2, (1, 0), 1.0, 2), (2, (3, 2), 4.0, 4)],
)
def test_mask_losses_are_divided_by_mean_count_of_processes_and_at_least_1_per_clip(
    loss, monkeypatch, num_clips, counts, mean_count, divisor
) -> None:
    layers, features, targets = scene(counts)
    targets = [replace(target, clip=i % num_clips) for i, target in enumerate(targets)]
    alone, _ = loss(layers, features, targets)
    counted = []

    def mean_of_processes(count):
        counted.append(count.item())
        return torch.tensor(mean_count)

    monkeypatch.setattr('avis.models.losses.mask_set_loss.reduce_mean', mean_of_processes)
    shared, _ = loss(layers, features, targets)
    assert counted == [sum(counts)]
    for name in ('mask', 'dice'):
        total = max(sum(counts), num_clips) * alone[0][name]
        torch.testing.assert_close(shared[0][name], total / divisor)
    assert torch.equal(shared[0]['ce'], alone[0]['ce'])  # of this process only


def test_instances_are_counted_exactly_in_bfloat16() -> None:
    _, features, targets = scene(counts=(257,))
    assert mask_normalizer(features.bfloat16(), targets).item() == 257


def test_losses_are_float32_in_bfloat16_with_and_without_instances(loss) -> None:
    for counts in ((3, 2), (0, 0)):
        layers, features, targets = scene(counts)
        low = [SetPredictions(*(part.bfloat16() for part in layer)) for layer in layers]
        losses, _ = loss(low, features.bfloat16(), targets)
        assert {value.dtype for one in losses for value in one.values()} == {torch.float32}


def test_without_instances_only_class_loss_and_all_gradients_exist(loss) -> None:
    layers, features, targets = scene(counts=(0, 0))
    parts = [features, *(part for layer in layers for part in layer)]
    for part in parts:
        part.requires_grad_()
    losses, matchings = loss(layers, features, targets)
    assert all(one[name].item() == 0 for one in losses for name in ('mask', 'dice'))
    assert all(not len(queries) for matched in matchings for queries, _ in matched)
    sum(value for one in losses for value in one.values()).backward()
    assert all(part.grad is not None for part in parts)


def test_more_instances_than_queries_match_every_query() -> None:
    layers, features, targets = scene(counts=(12,))
    loss = MaskSetLoss(num_classes=K, num_points=40)
    losses, matchings = loss(layers, features[:1], targets)
    assert len(matchings[0][0][0]) == Q
    assert all(torch.isfinite(value) for one in losses for value in one.values())


def test_nan_predictions_give_nan_loss() -> None:
    layers, features, targets = scene(counts=(2,))
    loss = MaskSetLoss(num_classes=K, num_points=40)
    losses, _ = loss(layers, features[:1] * torch.nan, targets)
    assert losses[0]['mask'].isnan()


def test_point_sampling_prefers_uncertain_points() -> None:
    loss = MaskSetLoss(num_classes=K, num_points=200)
    logits = torch.full((1, 1, 8, 8), 9.0)
    logits[..., :2] = 0.0  # the left quarter
    left = loss.points.for_loss(logits)[0, :, 0] < 0.3
    assert left.float().mean() > 0.5


def test_weights_change_matching() -> None:
    layers, features, targets = scene(counts=(1,))
    masks, points = dense(layers[0], features, 0), FixedPoints().points
    by_class = MaskMatcher(mask_weight=0, dice_weight=0)
    cost = by_class.cost(layers[0].class_logits[0], masks, targets[0], points)
    (((query,), _),) = match_layers([cost], targets[:1])
    assert query == layers[0].class_logits[0].softmax(-1)[:, targets[0].labels[0]].argmax()
