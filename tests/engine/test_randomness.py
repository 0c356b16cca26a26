"""A sample does not depend on the process that loads it, and differs in every pass."""

import pickle
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.dist import get_dist_info

from avis.engine import randomness
from avis.engine.randomness import SampleIndex, SeededDataset, SeededSampler, fixed_randomness
from avis.engine.runner import AVRunner
from tests.helpers.tiny import TinyDataset


def draw_all() -> tuple[float, float, float]:
    return random.random(), float(np.random.mtrand._rand.rand()), float(torch.rand(()))


def test_fixed_randomness_does_not_change_numbers_outside() -> None:
    torch.manual_seed(5)
    expected = float(torch.rand(()))
    torch.manual_seed(5)
    with fixed_randomness(1, 2):
        first = draw_all()
    assert float(torch.rand(())) == expected
    with fixed_randomness(1, 2):
        assert draw_all() == first
    with fixed_randomness(2, 1):
        assert all(a != b for a, b in zip(draw_all(), first, strict=True))


def test_random_state_is_restored_after_an_error() -> None:
    before = random.getstate()
    with pytest.raises(KeyError), fixed_randomness(1):
        raise KeyError
    assert random.getstate() == before


def test_index_keeps_its_seed_after_pickling() -> None:
    index = pickle.loads(pickle.dumps(SampleIndex(7, (1, 2, 7))))
    assert 'abcdefgh'[index] == 'h'
    assert index.seed == (1, 2, 7)


def loader(**options):
    config = {
        'dataset': {'type': TinyDataset, 'length': 6, 'noise': 30.0},
        'sampler': {'type': DefaultSampler, 'shuffle': True},
        'batch_size': 2,
        'num_workers': 0,
        **options,
    }
    return AVRunner.build_dataloader(config, seed=3)


def samples(data_loader, epoch: int) -> dict[int, torch.Tensor]:
    """One pass: frames by video id."""
    data_loader.sampler.set_epoch(epoch)
    return {
        sample.video_id: frames
        for batch in data_loader
        for sample, frames in zip(batch['data_samples'], batch['inputs']['frames'], strict=True)
    }


def test_samples_do_not_depend_on_workers_batches_or_passes() -> None:
    alone = loader()
    first, second = samples(alone, 0), samples(alone, 1)
    assert sorted(first) == list(range(6))
    assert all(not torch.equal(first[i], second[i]) for i in first)
    # Persistent workers live through both passes; a fresh loader starts at the second one.
    shared = loader(batch_size=3, num_workers=2, persistent_workers=True)
    torch.testing.assert_close(samples(shared, 0), first, rtol=0, atol=0)
    torch.testing.assert_close(samples(shared, 1), second, rtol=0, atol=0)
    torch.testing.assert_close(samples(loader(), 1), second, rtol=0, atol=0)


def test_sample_has_its_seed_in_metainfo() -> None:
    data_loader = loader(num_workers=1)
    data_loader.sampler.set_epoch(4)
    seeds = [sample.seed for batch in data_loader for sample in batch['data_samples']]
    assert sorted(seeds) == [(3, 4, index) for index in range(6)]


def test_persistent_workers_are_off_without_workers() -> None:
    assert not loader(persistent_workers=True).persistent_workers


def test_wrapper_forwards_attributes() -> None:
    data_loader = loader()
    assert isinstance(data_loader.dataset, SeededDataset)
    assert data_loader.dataset.metainfo == {'task': 'tiny'}
    assert len(data_loader.dataset) == 6
    assert data_loader.dataset[0]['data_samples'].video_id == 0
    with pytest.raises(AttributeError, match='no_such'):
        _ = data_loader.dataset.no_such


@pytest.mark.parametrize('sampler', [DefaultSampler, InfiniteSampler])
def test_two_processes_load_the_same_samples_as_one(sampler, monkeypatch) -> None:
    def seeds(rank: int, world_size: int) -> list[tuple]:
        for module in (randomness, __import__(sampler.__module__, fromlist=['x'])):
            monkeypatch.setattr(module, 'get_dist_info', lambda: (rank, world_size))
        dataset = TinyDataset(length=6)
        seeded = SeededSampler(dataset=dataset, sampler={'type': sampler, 'shuffle': True}, seed=1)
        seeded.set_epoch(4)
        return [index.seed for index, _ in zip(seeded, range(12 // world_size), strict=False)]

    assert get_dist_info() == (0, 1)
    one, first, second = seeds(0, 1), seeds(0, 2), seeds(1, 2)
    assert [seed for pair in zip(first, second, strict=True) for seed in pair] == one
    passes = {data_pass for _, data_pass, _ in one}
    assert passes == ({4} if sampler is DefaultSampler else {4, 5})


def test_non_integer_indices_are_not_changed() -> None:
    seeded = SeededSampler(dataset=TinyDataset(length=2), sampler=[(0, 1), (1, 0)], seed=1)
    assert list(seeded) == [(0, 1), (1, 0)]
    assert len(seeded) == 2
