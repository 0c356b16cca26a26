"""Random points: equal to those of mmdet, or fixed by the seed of a clip."""

import torch
from mmdet.models.utils import get_uncertain_point_coords_with_randomness

from avis.models.task_modules.point_sampling import PointSampler, make_generator

CPU = torch.device('cpu')


def test_loss_points_equal_mmdet() -> None:
    logits, sampler = torch.randn(5, 1, 8, 9), PointSampler(num_points=41)
    torch.manual_seed(0)
    ours = sampler.for_loss(logits)
    torch.manual_seed(0)
    labels = torch.zeros(5, dtype=torch.long)
    theirs = get_uncertain_point_coords_with_randomness(logits, labels, 41, 3.0, 0.75)
    assert torch.equal(ours, theirs)


def test_seed_fixes_points_and_keeps_global_state() -> None:
    logits, sampler = torch.randn(2, 1, 8, 8), PointSampler(num_points=8)
    before = torch.get_rng_state()
    first, again, other = (
        (sampler.for_matching(logits, draws), sampler.for_loss(logits, draws))
        for draws in (make_generator(seed, CPU) for seed in ((1, 2), (1, 2), (1, 3)))
    )
    assert torch.equal(torch.get_rng_state(), before)
    for one, same, another in zip(first, again, other, strict=True):
        assert torch.equal(one, same)
        assert not torch.equal(one, another)


def test_without_seed_generator_is_none() -> None:
    assert make_generator((), CPU) is None


def test_no_masks_return_no_points() -> None:
    assert PointSampler(num_points=8).for_loss(torch.zeros(0, 1, 4, 4)).shape == (0, 8, 2)
