"""Boundary, context, assignment, matching and losses equal direct computations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from cavis import SampleRun, TubeSetLoss
from cavis.assignment import assign_queries, reorder
from cavis.context import BoundaryContext, boundary
from cavis.losses import (
    identity_losses,
    prototype_losses,
    reference_losses,
    stack_frames,
)
from cavis.matching import match_first_appearances
from cavis.targets import frame_ids, frame_targets
from mmengine.structures import InstanceData

from avis.models.decode_heads.frame_predictions import MaskProjection
from avis.models.losses.mask_set_loss import MaskSetLoss, SetPredictions
from avis.structures.av_data_sample import AVDataSample


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make_sample(annotated: list[list[int]]) -> AVDataSample:
    """Instances that are annotated in some frames, (N, T), one class each."""
    flags = torch.tensor(annotated).bool()
    masks = draw(*flags.shape, 16, 24) > 0
    tracks = InstanceData(
        labels=torch.arange(len(flags)),
        ids=torch.arange(len(flags)) + 7,
        masks=masks & flags[..., None, None],
        annotated=flags,
    )
    return AVDataSample(gt_tracks=tracks)


def test_boundary_is_where_the_laplacian_is_positive() -> None:
    masks = draw(2, 3, 9, 11) > -0.5
    kernel = torch.full((1, 1, 3, 3), -1.0)
    kernel[..., 1, 1] = 8
    laplacian = F.conv2d(masks.flatten(0, 1)[:, None].float(), kernel, padding=1)
    assert torch.equal(boundary(masks), (laplacian > 0)[:, 0].unflatten(0, (2, 3)))


@pytest.mark.parametrize('per_channel', [False, True])
def test_context_is_the_mean_of_the_filtered_map_at_the_boundary(per_channel: bool) -> None:
    embeds, features = draw(2, 3, 4), draw(2, 5, 12, 14, seed=1)
    embeds[0, 0] = 0
    projection = MaskProjection(draw(4, 5, seed=2), -draw(4, seed=3).abs() * 0.1)
    context = BoundaryContext(per_channel=per_channel)(embeds, features, projection)
    maps = projection.project_features(features)
    edge = boundary(torch.einsum('nqc,nchw->nqhw', embeds, maps) > 0)
    if per_channel:
        kernel, groups = torch.full((4, 1, 9, 9), 1 / 81), 4
    else:
        kernel, groups = torch.full((4, 4, 9, 9), 1 / 81), 1
    filtered = F.conv2d(maps, kernel, padding=4, groups=groups)
    for image in range(2):
        for query in range(3):
            pixels = filtered[image][:, edge[image, query]]
            expected = pixels.sum(1) / (pixels.shape[1] + 1e-6)
            torch.testing.assert_close(context[image, query], expected, rtol=1e-4, atol=1e-5)
    assert context[0, 0].abs().max() == 0  # an empty mask


def test_inverse_assignment_is_the_inverse_of_the_aligning_one() -> None:
    reference = draw(1, 5, 6)
    order = torch.tensor([[2, 0, 1, 4, 3]])  # a cycle and a swap
    current = reorder(reference, order)  # current query i is reference order[i]
    inverse = assign_queries(reference, current, inverse=True)
    aligning = assign_queries(reference, current, inverse=False)
    assert torch.equal(inverse, order)
    assert torch.equal(reorder(current, aligning), reference)
    assert torch.equal(inverse[0][aligning[0]], torch.arange(5))


def contrast_directly(anchor: torch.Tensor, others: torch.Tensor, same: torch.Tensor) -> list:
    dots = others @ anchor
    pairs = (dots[~same][None] - dots[same][:, None]).exp().sum()
    cosines = F.cosine_similarity(others, anchor[None])
    return [(1 + pairs).log(), (cosines - same.float()).square().mean()]


def test_identity_losses_contrast_each_embedding_with_all_others() -> None:
    embeds, ids = draw(6, 4), torch.tensor([3, -1, 3, 8, -1, 3])
    values = [contrast_directly(e, embeds, ids == i) for e, i in zip(embeds, ids, strict=True)]
    contrast, auxiliary = identity_losses(embeds, ids)
    torch.testing.assert_close(contrast, sum(value for value, _ in values) / 3)
    means = [
        torch.stack([values[k][1] for k in (ids == i).nonzero()[:, 0]]).mean() for i in (3, -1, 8)
    ]
    torch.testing.assert_close(auxiliary, sum(means) / 3)
    assert identity_losses(embeds, torch.zeros(6)) == (0, 0)


def test_prototypes_are_contrasted_where_they_are_visible() -> None:
    sample, features = make_sample([[1, 1, 0], [1, 1, 1]]), draw(3, 4, 8, 12)
    masks = F.interpolate(sample.gt_tracks.masks.float(), (8, 12), mode='bilinear')
    prototypes, ids = [], []
    for instance, frame in ((0, 0), (0, 1), (1, 0), (1, 1), (1, 2)):
        weights = masks[instance, frame]
        prototypes.append((features[frame] * weights).sum((1, 2)) / weights.sum())
        ids.append(instance)
    expected = identity_losses(torch.stack(prototypes), torch.tensor(ids))
    torch.testing.assert_close(prototype_losses(features, sample), expected)
    for annotated in ([[1, 1, 0]], [[1, 1, 0], [0, 0, 0]]):
        assert prototype_losses(features, make_sample(annotated)) == (0, 0)


def test_references_are_contrasted_with_both_neighbors() -> None:
    references, queries = draw(3, 5, 4), torch.tensor([4, 1])
    values = [
        contrast_directly(references[t, q], references[s], torch.arange(5) == q)
        for t, s in ((1, 0), (1, 2), (2, 1))
        for q in queries
    ]
    expected = torch.tensor(values).mean(0)
    got = torch.stack(reference_losses(references, queries))
    torch.testing.assert_close(got, expected)
    assert reference_losses(references[:1], queries) == (0, 0)


def test_absent_instances_stay_in_every_frame() -> None:
    sample = make_sample([[1, 1, 1], [1, 1, 0], [0, 0, 0]])
    targets = frame_targets([sample], absent_label=9)
    assert [target.labels.tolist() for target in targets] == [[0, 9]] * 3
    assert not targets[2].masks[1].any()
    assert frame_targets([sample], None)[0].labels.tolist() == [0, 1]
    assert frame_ids(sample).tolist() == [[0, 0, 0], [1, 1, -1], [-1, -1, -1]]


def test_instance_is_matched_in_the_frame_that_shows_it_first() -> None:
    sample = make_sample([[0, 1, 1], [1, 1, 1]])
    halves = torch.zeros(
        2, 1, 16, 24, dtype=torch.bool
    )  # large, so that any points tell them apart
    halves[0, ..., :12] = halves[1, :, :8] = True
    sample.gt_tracks.masks = halves & sample.gt_tracks.annotated[..., None, None]
    targets = frame_targets([sample], None)
    masks = sample.gt_tracks.masks.float()[..., ::4, ::4] * 20 - 10  # logits (N, T, 4, 6)
    # The channels of the features are the masks: query 2 is instance 1, query 0 is instance 0.
    features = masks.transpose(0, 1)[:, None]  # (T, 1, N, h, w)
    embeds = torch.tensor([[1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]).repeat(3, 1, 1)
    layer = SetPredictions(torch.zeros(3, 3, 5), embeds, torch.zeros(3, 3))
    loss_set = MaskSetLoss(num_classes=4, num_points=200)
    matchings = match_first_appearances(
        loss_set, layer, features, targets, [sample.gt_tracks.annotated]
    )
    assert [[part.tolist() for part in pair] for pair in matchings] == [[[2, 0], [1, 0]]] * 3


def test_tube_loss_sees_one_tall_image() -> None:
    embeds, offsets = draw(2, 3, 4), draw(2, 3, seed=1)
    features = draw(3, 4, 5, 6, seed=2)
    logits = TubeSetLoss(num_classes=2).compute_logits(embeds, offsets, features)
    assert logits.shape == (2, 1, 15, 6)
    expected = torch.einsum('mtc,tchw->mthw', embeds, features) + offsets[..., None, None]
    torch.testing.assert_close(logits[:, 0, 5:10], expected[:, 1])
    assert torch.equal(stack_frames(expected)[:, 0, 10:], expected[:, 2])


def test_run_is_consecutive_or_filled_up(monkeypatch) -> None:
    random = np.random.RandomState(0)
    monkeypatch.setattr('cavis.sampling.worker_random', lambda: random)
    frame_ids = [
        SampleRun(num_frames=4).transform({'length': 9})['frame_ids'].tolist() for _ in range(30)
    ]
    assert all(ids == list(range(ids[0], ids[0] + 4)) for ids in frame_ids)
    assert {ids[0] for ids in frame_ids} == set(range(6))
    short = SampleRun(num_frames=4).transform({'length': 3})['frame_ids'].tolist()
    assert len(short) == 4
    assert set(short) == {0, 1, 2}
    backward = SampleRun(num_frames=3, reverse_prob=1.0).transform({'length': 3})
    assert backward['frame_ids'].tolist() == [2, 1, 0]
